//! Whether the figures of a run can be relied on, and what to do if not.
//!
//! A reason says that a figure may be wrong, and makes the run SUSPECT. A note
//! says that a right figure means less than it may seem to. Each names the
//! figure, what it means and what to do.

use crate::{
    format::plural,
    results::{Results, Verdict, kinds},
    statistics::percentile::samples_needed,
};

mod kernel;
mod load;
mod pace;

/// Judges a run.
pub(crate) fn verdict(results: &Results) -> Verdict {
    let reasons: Vec<String> = [
        interrupted_too_early,
        missing,
        failed,
        without_replies,
        unanswered,
        pace::unsent,
        pace::late,
        pace::other_arrivals,
        load::starved,
        load::little,
        load::without_load,
        load::generator,
        load::busiest_thread,
        too_few_samples,
        unverified,
    ]
    .into_iter()
    .filter_map(|rule: fn(&Results) -> Option<String>| rule(results))
    .collect();
    let notes = [
        interrupted,
        few_samples,
        imprecise,
        pace::closed_loop,
        pace::timer_overshoot,
        load::shared_cpus,
        load::spinning,
        load::uneven,
        kernel::retransmitted,
        kernel::delayed_acks,
    ]
    .into_iter()
    .filter_map(|rule: fn(&Results) -> Option<String>| rule(results))
    .collect();
    Verdict {
        valid: reasons.is_empty(),
        reasons,
        notes,
    }
}

impl Results {
    /// Why the run would be suspect if nothing had failed, without the advice.
    pub(crate) fn reason_beside_failures(&self) -> Option<String> {
        let mut results = self.clone();
        results.failures.clear();
        let reason = verdict(&results).reasons.into_iter().next()?;
        let reason = reason.split_once(": ").map_or(&*reason, |(what, _)| what);
        Some(reason.to_owned())
    }

    /// Whether the generator had no CPU left for itself.
    pub(crate) fn is_generator_saturated(&self) -> bool {
        load::generator(self).is_some() || load::busiest_thread(self).is_some()
    }
}

/// Whether nothing was measured because a signal came before that.
fn is_unmeasured(results: &Results) -> bool {
    results.interrupted && results.messages.sent == 0
}

fn interrupted_too_early(results: &Results) -> Option<String> {
    is_unmeasured(results)
        .then(|| "interrupted before the measurement began: nothing was measured".to_owned())
}

fn interrupted(results: &Results) -> Option<String> {
    if !results.interrupted || is_unmeasured(results) {
        return None;
    }
    let elapsed_s = results.elapsed_s;
    Some(match results.arguments.duration {
        Some(requested) if elapsed_s < requested.as_secs_f64() => format!(
            "interrupted: the figures cover {elapsed_s:.1} of the {} s requested",
            requested.as_secs_f64()
        ),
        _ => format!("interrupted: the figures cover {elapsed_s:.1} s"),
    })
}

fn missing(results: &Results) -> Option<String> {
    let (requested, opened) = (results.connections.requested, results.connections.opened);
    if opened >= requested {
        return None;
    }
    let advice = if results.interrupted {
        "the run was interrupted before that"
    } else if results.failures.is_empty() {
        "the run ended before that, so raise -d or lower --ramp"
    } else {
        "raise the limits of open files and of the server's backlog, or lower -c"
    };
    Some(format!(
        "only {opened} of {requested} connections were opened: {advice}"
    ))
}

fn failed(results: &Results) -> Option<String> {
    let (total, kinds) = (results.failed(), kinds(&results.failures));
    (total > 0).then(|| {
        let total = plural(total, "failure");
        format!("{total} ({kinds}): see the server's log, and repeat without them")
    })
}

fn without_replies(results: &Results) -> Option<String> {
    (results.messages.replies == 0 && !is_unmeasured(results)).then(|| {
        "no right reply: check that an echo server of the same wire listens there".to_owned()
    })
}

/// Messages without a reply that are no failure: the wait for them was ended.
fn unanswered(results: &Results) -> Option<String> {
    let unanswered = results.messages.unanswered;
    (unanswered > 0 && results.failures.is_empty()).then(|| {
        format!(
            "{} without a reply when the wait for them was interrupted: their latency is at least \
             what is shown",
            plural(unanswered, "message")
        )
    })
}

/// A percentile that the user asked for.
fn too_few_samples(results: &Results) -> Option<String> {
    let count = results.latency.count;
    let needed = results
        .expectations
        .iter()
        .filter_map(|each| each.samples_needed);
    needed.max().map(|needed| {
        format!(
            "{}, too few for a percentile that is expected, which takes {needed}: raise -d or -n",
            plural(count, "sample")
        )
    })
}

/// The percentile that every summary shows.
fn few_samples(results: &Results) -> Option<String> {
    let (count, needed) = (results.latency.count, samples_needed(0.99));
    (0 < count && count < needed && too_few_samples(results).is_none()).then(|| {
        let samples = plural(count, "sample");
        format!("{samples}, too few for p99, which takes {needed}: raise -d or -n")
    })
}

/// A figure that is not known as precisely as requested.
fn imprecise(results: &Results) -> Option<String> {
    let precision = results.precision.as_ref().filter(|each| !each.reached)?;
    let known = match precision.share() {
        Some(share) => format!("it is known to ±{:.1} %", 100.0 * share),
        None => "its interval is not known".to_owned(),
    };
    Some(format!(
        "{} was not reached, {known}: raise -d, or look in the series for what changes",
        precision.text
    ))
}

fn unverified(results: &Results) -> Option<String> {
    (!results.arguments.verify).then(|| {
        "replies were not verified, so wrong ones count as right: repeat with verification"
            .to_owned()
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{
        results::{Expectation, sample},
        statistics::{Distribution, Precision},
    };

    /// An open loop without a flaw: 100,000 per second, one each 10 µs.
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

    /// Makes a change that is worth one note and no reason.
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

    /// Makes a change that is neither.
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
        assert!(
            reasons[0].contains("raise the limits of open files"),
            "{reasons:?}"
        );
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
    fn p99_takes_a_thousand_replies() {
        let mut none = flawless();
        none.latency.count = 0;
        assert_eq!(few_samples(&none), None);
        valid(|results| results.latency.count = 1000);
        noted(
            |results| results.latency.count = 999,
            "999 samples, too few for p99, which takes 1000",
        );
        let expect = |needed: Option<u64>, results: &mut Results| {
            results.latency.count = 999;
            results.expectations = vec![Expectation {
                text: "p99<1s".to_owned(),
                measured: None,
                met: false,
                samples_needed: needed,
            }];
        };
        suspect(
            |results| expect(Some(1000), results),
            "999 samples, too few for a percentile that is expected, which takes 1000",
        );
        noted(|results| expect(None, results), "too few for p99");
    }

    #[test]
    fn a_figure_that_is_not_precise_enough_is_noted() {
        let precision = |reached, high| Precision {
            text: "throughput±2%".to_owned(),
            figure: Some(1000.0),
            low: Some(950.0),
            high,
            reached,
            looks: 5,
        };
        valid(|results| results.precision = Some(precision(true, Some(1050.0))));
        noted(
            |results| results.precision = Some(precision(false, Some(1050.0))),
            "throughput±2% was not reached, it is known to ±5.0 %: raise -d",
        );
        noted(
            |results| results.precision = Some(precision(false, None)),
            "its interval is not known",
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
            "no right reply",
        );
    }
}
