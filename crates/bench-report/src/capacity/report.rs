//! All probes and the answer: the schema of `capacity --json`.
//!
//! Latencies are in microseconds (`_us`), rates per second. A figure that a
//! probe does not have is `null`. The number in `schema` rises whenever a field
//! changes its meaning or is removed.

use std::time::SystemTime;

use serde::Serialize;

use super::search::Answer;
use crate::{
    Expect,
    format::{plural, rfc3339},
    results::{Arguments, Expectation, Machine, Results, Target},
};

/// The number of this schema.
const SCHEMA: u32 = 2;

/// All probes of a search, and what it found.
#[derive(Debug, Serialize)]
pub struct CapacityReport {
    schema: u32,
    /// When the first probe began, in UTC, as RFC 3339.
    pub(crate) started: String,
    pub(crate) target: Target,
    /// The expectations that each probe has to meet, as given.
    pub slo: Vec<String>,
    /// Maximum failures of a probe.
    max_failures: u64,
    /// Of each probe, except for the rate and the duration.
    pub(super) arguments: Arguments,
    machine: Machine,
    /// In the order in which they ran.
    pub probes: Vec<Probe>,
    /// `null` after a signal, or after a probe that failed.
    pub answer: Option<Answer>,
}

/// One run at one rate.
#[derive(Clone, Debug, Serialize)]
pub struct Probe {
    /// Messages per second, as requested.
    pub rate: f64,
    /// Whether it met the expectations.
    pub outcome: ProbeOutcome,
    /// Replies per second.
    pub throughput: f64,
    /// Median of the corrected latency.
    pub p50_us: Option<f64>,
    /// Its 99th percentile.
    pub p99_us: Option<f64>,
    /// The expectation that was missed, or why it could not be judged.
    pub reason: Option<String>,
}

/// What a probe says about its rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeOutcome {
    /// Every expectation was met in a valid run.
    Met,
    /// One was missed, and not because of the generator.
    Missed,
    /// The figures do not tell.
    Unclear,
}

impl Probe {
    /// Judges a run at `rate` by its expectations.
    ///
    /// Whatever makes a run invalid raises its latency and never lowers it. A missed
    /// expectation is therefore missed in any case, unless the generator was the
    /// reason; and a limit of the latency that was met with late messages is met without.
    #[must_use]
    pub fn of(rate: f64, max_failures: u64, results: &Results) -> Self {
        let (failed, unsent) = (results.failed(), results.messages.unsent);
        // Without a figure, or with too few samples, it is unknown.
        let is_missed = |each: &&Expectation| !each.met && each.measured.is_some();
        let missed = results.expectations.iter().find(is_missed);
        let missed = if let Some(missed) = missed {
            Some(missed.to_string())
        } else if unsent > 0 {
            Some(plural(unsent, "message") + " due but never sent")
        } else if failed > max_failures {
            let failures = plural(failed, "failure");
            Some(format!("{failures}, {max_failures} allowed"))
        } else {
            None
        };
        let is_limit = |each: &Expectation| {
            let expect = each.text.parse::<Expect>();
            expect.is_ok_and(|expect| expect.limits_latency())
        };
        let has_lateness = results.expectations.iter().all(is_limit);
        let doubt = results.reason_to_doubt(has_lateness);
        let (outcome, reason) = match (missed, doubt) {
            (_, Some(doubt)) if results.is_generator_saturated() => {
                (ProbeOutcome::Unclear, Some(doubt))
            }
            (Some(missed), _) => (ProbeOutcome::Missed, Some(missed)),
            (None, Some(doubt)) => (ProbeOutcome::Unclear, Some(doubt)),
            (None, None) => (ProbeOutcome::Met, None),
        };
        Self {
            rate,
            outcome,
            throughput: results.throughput,
            p50_us: results.latency.percentile("p50"),
            p99_us: results.latency.percentile("p99"),
            reason,
        }
    }
}

impl CapacityReport {
    /// Sums up `probes` of `slo`; all of them had the arguments of `last`, except for
    /// the rate and the duration.
    #[must_use]
    pub fn new(
        started: SystemTime,
        slo: Vec<String>,
        max_failures: u64,
        last: &Results,
        probes: Vec<Probe>,
        answer: Option<Answer>,
    ) -> Self {
        let mut arguments = last.arguments.clone();
        arguments.rate = None;
        arguments.duration = None;
        Self {
            schema: SCHEMA,
            started: rfc3339(started),
            target: last.target.clone(),
            slo,
            max_failures,
            arguments,
            machine: last.machine.clone(),
            probes,
            answer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{results::sample, verdict::verdict};

    /// What a probe says after `change`, with p99 at 90 µs and a limit of it.
    fn probe(limit_us: f64, max_failures: u64, change: fn(&mut Results)) -> (ProbeOutcome, String) {
        let mut results = sample();
        results.expectations = vec![Expectation {
            text: format!("p99<{limit_us}us"),
            measured: Some(results.latency.p99_us),
            met: results.latency.p99_us < limit_us,
            samples_needed: None,
        }];
        change(&mut results);
        results.verdict = verdict(&results);
        let probe = Probe::of(1000.0, max_failures, &results);
        (probe.outcome, probe.reason.unwrap_or_default())
    }

    fn late(results: &mut Results) {
        results.arguments.rate = Some(1e6);
        results.latency_uncorrected = Some(results.latency.clone());
        results.schedule_lag = Some(results.latency.clone());
    }

    #[test]
    fn a_probe_counts_if_it_is_valid() {
        use ProbeOutcome::{Met, Missed, Unclear};
        let timeout = |results: &mut Results| {
            results.failures = [("timeout".to_owned(), 1)].into();
            results.messages.unanswered = 1;
        };
        // Lateness is not in the throughput.
        let late_and_fast = |results: &mut Results| {
            late(results);
            results.expectations[0].text = "qps>1".to_owned();
        };
        let saturated = |results: &mut Results| results.cpu.client_utilization = 0.95;
        for (limit_us, max_failures, change, outcome, reason) in [
            (100.0, 0, (|_| ()) as fn(&mut Results), Met, ""),
            (50.0, 0, |_| (), Missed, "p99<50us missed: 90.0 µs"),
            (100.0, 0, timeout, Missed, "1 failure, 0 allowed"),
            (100.0, 1, timeout, Met, ""),
            (50.0, 1, timeout, Missed, "p99<50us missed"),
            (
                100.0,
                0,
                |results| results.messages.unsent = 1,
                Missed,
                "1 message due but never sent",
            ),
            (100.0, 0, late, Met, ""),
            (
                100.0,
                0,
                late_and_fast,
                Unclear,
                "1 % of the messages were sent",
            ),
            (50.0, 0, late, Missed, "p99<50us missed"),
            (100.0, 0, saturated, Unclear, "the generator used 95 %"),
            (50.0, 0, saturated, Unclear, "the generator used 95 %"),
            (
                50.0,
                0,
                |results| {
                    for each in &mut results.expectations {
                        (each.measured, each.samples_needed) = (None, Some(1000));
                    }
                },
                Unclear,
                "too few for an expected percentile",
            ),
        ] {
            let (got, why) = probe(limit_us, max_failures, change);
            assert_eq!(got, outcome, "{limit_us} {max_failures}: {why}");
            assert!(why.starts_with(reason) || why.contains(reason), "{why}");
        }
    }
}
