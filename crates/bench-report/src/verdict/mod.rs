//! Whether the figures of a run can be relied on, and what to do if not.
//!
//! A reason says that a figure may be wrong, and makes the run SUSPECT. A note
//! says that a correct figure means less than it seems to. Each states the figure,
//! what it means and what to do.

use crate::results::{Results, Verdict};

mod cpus;
mod faults;
mod kernel;
mod load;
mod pace;
mod samples;
mod service;

type VerdictRule = fn(&Results) -> Option<String>;

const REASONS: &[VerdictRule] = &[
    faults::interrupted_too_early,
    faults::missing,
    faults::failed,
    faults::without_replies,
    faults::unanswered,
    pace::unsent,
    pace::late,
    pace::other_arrivals,
    service::starved,
    load::little,
    load::without_load,
    cpus::generator,
    cpus::busiest_thread,
    samples::too_few,
    faults::unverified,
];

const NOTES: &[VerdictRule] = &[
    faults::interrupted,
    samples::few,
    samples::imprecise,
    pace::closed_loop,
    pace::timer_overshoot,
    cpus::shared,
    cpus::spinning,
    service::uneven,
    kernel::retransmitted,
    kernel::delayed_acks,
];

/// Judges a run.
pub(crate) fn verdict(results: &Results) -> Verdict {
    let apply = |rules: &[VerdictRule]| rules.iter().filter_map(|rule| rule(results)).collect();
    let reasons: Vec<String> = apply(REASONS);
    Verdict {
        valid: reasons.is_empty(),
        reasons,
        notes: apply(NOTES),
    }
}

impl Results {
    /// Why an expectation that the run met may not hold, failures aside; the advice is
    /// left out. Messages that were sent late are no reason if the expectations have
    /// their lateness, as the corrected latency has.
    pub(crate) fn reason_to_doubt(&self, has_lateness: bool) -> Option<String> {
        let mut results = self.clone();
        if has_lateness {
            results.schedule_lag = None;
        }
        results.failures.clear();
        if !results.interrupted {
            // They are the failures.
            results.messages.unanswered = 0;
        }
        let reason = verdict(&results).reasons.into_iter().next()?;
        let reason = reason.split_once(": ").map_or(&*reason, |(what, _)| what);
        Some(reason.to_owned())
    }

    /// Whether the generator had no CPU time left.
    pub(crate) fn is_generator_saturated(&self) -> bool {
        cpus::generator(self).is_some() || cpus::busiest_thread(self).is_some()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{results::sample, statistics::Distribution};

    /// An open loop without a flaw: 100,000 per second, one every 10 µs.
    fn flawless() -> Results {
        let mut results = sample();
        results.arguments.rate = Some(100_000.0);
        results.latency_uncorrected = Some(results.latency.clone());
        results.schedule_lag = Some(Distribution {
            count: 1_000_000,
            p99_us: 9.0,
            ..Distribution::default()
        });
        results
    }

    /// Makes one flaw in a flawless run, and expects one reason that says so.
    #[track_caller]
    pub(super) fn suspect(flaw: impl FnOnce(&mut Results), reason: &str) {
        let mut results = flawless();
        flaw(&mut results);
        let verdict = verdict(&results);
        assert_eq!(verdict.outcome(), "SUSPECT", "{reason}");
        assert_eq!(verdict.reasons.len(), 1, "{:?}", verdict.reasons);
        assert!(verdict.reasons[0].contains(reason), "{:?}", verdict.reasons);
        assert!(verdict.reasons[0].contains(": "), "no remedy");
    }

    /// Makes a change that leads to one note and no reason.
    #[track_caller]
    pub(super) fn noted(change: impl FnOnce(&mut Results), note: &str) {
        let mut results = flawless();
        change(&mut results);
        let verdict = verdict(&results);
        assert_eq!(
            verdict.outcome(),
            "VALID with notes",
            "{:?}",
            verdict.reasons
        );
        assert_eq!(verdict.notes.len(), 1, "{:?}", verdict.notes);
        assert!(verdict.notes[0].contains(note), "{:?}", verdict.notes);
    }

    /// Makes a change that leads to neither.
    #[track_caller]
    pub(super) fn valid(change: impl FnOnce(&mut Results)) {
        let mut results = flawless();
        change(&mut results);
        let verdict = verdict(&results);
        assert_eq!(verdict.outcome(), "VALID", "{verdict:?}");
    }

    #[test]
    fn a_run_without_a_flaw_is_valid() {
        valid(|_| ());
    }

    #[test]
    fn missing_connections() {
        suspect(
            |results| results.connections.opened = 3,
            "only 3 of 4 connections were opened: the run ended before that, so raise -d",
        );
        let failed = |results: &mut Results| {
            results.connections.opened = 3;
            results.failures = [("refused".to_owned(), 1)].into();
        };
        let mut results = flawless();
        failed(&mut results);
        let reasons = verdict(&results).reasons;
        assert!(reasons[0].contains("the warnings say why"), "{reasons:?}");
        assert!(reasons[1].contains("1 failure (1 refused)"), "{reasons:?}");
    }

    #[test]
    fn failures_are_named() {
        suspect(
            |results| {
                results.failures = [
                    ("timeout".to_owned(), 4),
                    ("other_connection".to_owned(), 3),
                ]
                .into();
                results.messages.unanswered = 4;
            },
            "7 failures (3 other connection, 4 timeout)",
        );
        suspect(
            |results| results.failures = [("connect".to_owned(), 2)].into(),
            "2 failures (2 connect): see the warning,",
        );
        suspect(|results| results.arguments.verify = false, "not verified");
    }

    #[test]
    fn an_interrupted_run_says_what_it_covers() {
        noted(
            |results| {
                results.interrupted = true;
                results.elapsed_s = 3.12;
            },
            "the figures cover 3.1 of the 10 s requested",
        );
        noted(
            |results| {
                results.interrupted = true;
                results.arguments.duration = None;
            },
            "interrupted: the figures cover 10.0 s",
        );
        // The signal came at the very end.
        noted(
            |results| results.interrupted = true,
            "interrupted: the figures cover 10.0 s",
        );
        let mut results = flawless();
        results.interrupted = true;
        results.messages.unanswered = 5;
        let verdict = verdict(&results);
        assert!(!verdict.valid && verdict.notes.len() == 1);
        assert!(
            verdict.reasons[0].contains("5 messages without a reply"),
            "{verdict:?}"
        );
    }

    #[test]
    fn nothing_is_advised_when_nothing_was_measured() {
        suspect(
            |results| {
                results.interrupted = true;
                results.messages = crate::results::Messages::default();
                results.latency = Distribution::default();
                results.latency_uncorrected = Some(Distribution::default());
                results.schedule_lag = Some(Distribution::default());
                results.connections.replies = vec![0; 4];
                results.connections.idle = 4;
                results.throughput = 0.0;
                results.elapsed_s = 0.0;
                results.arguments.rate = None;
            },
            "interrupted before the measurement began: nothing was measured",
        );
    }

    #[test]
    fn without_replies_that_is_the_reason() {
        suspect(
            |results| {
                results.messages.replies = 0;
                results.connections.replies = vec![0; 4];
                results.latency = Distribution::default();
                results.throughput = 0.0;
            },
            "no correct reply",
        );
    }
}
