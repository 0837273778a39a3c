//! Whether messages were sent when they were due.

use crate::{
    format::Latency,
    results::{Cause, Results},
};

/// Kinds of failures that end a connection, and with it what it had to send.
const ENDED: [&str; 4] = ["closed", "reset", "io_error", "not_a_frame"];

/// Messages that were due and never sent: the schedule was not kept.
pub(super) fn unsent(results: &Results) -> Option<String> {
    let messages = &results.messages;
    let (unsent, due) = (messages.unsent, messages.sent + messages.unsent);
    let cause = if ENDED
        .iter()
        .any(|kind| results.failures.contains_key(*kind))
    {
        "connections ended before they were due"
    } else {
        culprit(results)
    };
    (unsent > 0).then(|| format!("{unsent} of the {due} messages due were never sent: {cause}"))
}

/// Messages that were sent later than the machine's timers explain.
pub(super) fn late(results: &Results) -> Option<String> {
    let lag = Lag::of(results).filter(|lag| !lag.is_overshoot(results))?;
    Some(format!(
        "1 % of the messages were sent {} late or more, with one due every {} and a median latency \
         of {}: {}",
        Latency(lag.p99_us),
        Latency(lag.interval_us),
        Latency(lag.median_us),
        culprit(results)
    ))
}

/// What held messages up, by the cause of most of the slowest, and what to do.
fn culprit(results: &Results) -> &'static str {
    let slowest = &results.slowest;
    let are_most = |causes: &[Cause]| {
        let caused = slowest.iter().filter(|each| causes.contains(&each.cause));
        2 * caused.count() > slowest.len()
    };
    if are_most(&[Cause::RunQueue, Cause::LateSend, Cause::LateRead]) {
        "the generator itself was late, so lower --rate, or free CPUs"
    } else if are_most(&[Cause::Retransmission]) {
        "they waited for segments lost on the path, so find where packets are dropped, or allow \
         more in flight (--pipeline, -c)"
    } else if are_most(&[Cause::ServerOrPath]) {
        "the server or the path could not keep up, so lower --rate, or allow more in flight \
         (--pipeline, -c)"
    } else {
        "the generator or the server could not keep up, so lower --rate, allow more in flight \
         (--pipeline, -c), or free CPUs"
    }
}

/// p-value below which the messages were not sent as a Poisson process: one run in a
/// thousand is suspected wrongly.
const MIN_FIT: f64 = 0.001;

/// Messages that were due at random and not sent so: they waited for others in
/// flight, or for the generator.
pub(super) fn other_arrivals(results: &Results) -> Option<String> {
    let fit = results.arrivals.filter(|fit| fit.p_value < MIN_FIT)?;
    Some(format!(
        "messages were not sent as a Poisson process (Kolmogorov–Smirnov {:.3} over {} gaps, p = \
         {:.1e}), so the server had a different load: allow more in flight (--pipeline), or lower \
         --rate",
        fit.ks_statistic, fit.gaps, fit.p_value
    ))
}

pub(super) fn timer_overshoot(results: &Results) -> Option<String> {
    let lag = Lag::of(results).filter(|lag| lag.is_overshoot(results))?;
    Some(format!(
        "corrected figures include up to {} (p99) of this machine's timer overshoot: a thread that \
         sleeps until a message is due wakes up late",
        Latency(lag.p99_us)
    ))
}

/// A lag of the schedule that changes the figures. A lag shorter than the interval
/// between two messages does not reorder them, and one below the median latency less
/// than doubles it; beyond both, the corrected latency is mostly lag.
#[allow(clippy::struct_field_names)] // the unit
struct Lag {
    p99_us: f64,
    interval_us: f64,
    median_us: f64,
}

impl Lag {
    fn of(results: &Results) -> Option<Self> {
        let lag = Self {
            p99_us: results.schedule_lag.as_ref()?.p99_us,
            interval_us: 1e6 / results.arguments.rate?,
            median_us: results.latency_uncorrected.as_ref()?.p50_us,
        };
        (lag.p99_us > lag.interval_us.max(lag.median_us)).then_some(lag)
    }

    /// Whether a sleeping thread is as late without any load: by its timer, and then
    /// by the scheduler.
    fn is_overshoot(&self, results: &Results) -> bool {
        let floor = results.noise_floor.as_ref();
        floor.is_some_and(|floor| {
            self.p99_us <= floor.timer_overshoot_p99_us + floor.thread_wakeup_p99_us
        })
    }
}

pub(super) fn closed_loop(results: &Results) -> Option<String> {
    (results.arguments.rate.is_none() && results.messages.sent > 0).then(|| {
        "closed loop: a slow reply holds back the messages behind it, so the latency is lower \
         than users at a given rate would see; --rate measures that"
            .to_owned()
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{
        results::{SlowMessage, sample},
        statistics::Fit,
        verdict::tests::{noted, suspect, valid},
    };

    fn lag(lag_us: f64, median_us: f64, results: &mut Results) {
        results.schedule_lag.as_mut().unwrap().p99_us = lag_us;
        results.latency_uncorrected.as_mut().unwrap().p50_us = median_us;
    }

    #[test]
    fn what_was_not_sent_is_suspect() {
        suspect(
            |results| {
                results.messages.sent = 1500;
                results.messages.unsent = 3;
            },
            "3 of the 1503 messages due were never sent: the generator or the server could not",
        );
        let mut results = sample();
        results.messages.unsent = 3;
        results.failures.insert("reset".to_owned(), 1);
        let reason = unsent(&results).unwrap_or_default();
        assert!(reason.contains("connections ended"), "{reason}");
    }

    #[test]
    fn an_open_loop_keeps_its_schedule() {
        // One every 10 µs; the timers explain 82 µs.
        valid(|results| lag(9.9, 5.0, results));
        valid(|results| lag(40.0, 40.0, results));
        noted(|results| lag(10.1, 5.0, results), "up to 10.1 µs (p99)");
        noted(|results| lag(40.1, 40.0, results), "timer overshoot");
        noted(|results| lag(82.0, 40.0, results), "up to 82.0 µs");
        suspect(
            |results| lag(82.1, 40.0, results),
            "were sent 82.1 µs late or more, with one due every 10.0 µs and a median latency of 40.0 µs",
        );
        suspect(
            |results| {
                lag(41.0, 40.0, results);
                results.noise_floor = None;
            },
            "41.0 µs late",
        );
    }

    #[test]
    fn the_cause_of_most_slow_messages_is_blamed() {
        use Cause::{LateSend, Retransmission, RunQueue, ServerOrPath};
        for (causes, blamed) in [
            (
                [LateSend, RunQueue, ServerOrPath],
                "the generator itself was late",
            ),
            (
                [Retransmission, Retransmission, RunQueue],
                "lost on the path",
            ),
            (
                [ServerOrPath, ServerOrPath, LateSend],
                "the server or the path",
            ),
            (
                [ServerOrPath, Retransmission, LateSend],
                "the generator or the server",
            ),
        ] {
            suspect(
                |results| {
                    results.messages.unsent = 1;
                    results.slowest = causes.map(caused_by).into();
                },
                blamed,
            );
        }
    }

    fn caused_by(cause: Cause) -> SlowMessage {
        SlowMessage {
            cause,
            ..SlowMessage::default()
        }
    }

    #[test]
    fn arrivals_are_as_random_as_requested() {
        let fit = |p_value| Fit {
            gaps: 4096,
            ks_statistic: 0.04,
            p_value,
        };
        valid(|results| results.arrivals = Some(fit(0.001)));
        suspect(
            |results| results.arrivals = Some(fit(0.0009)),
            "(Kolmogorov–Smirnov 0.040 over 4096 gaps, p = 9.0e-4)",
        );
    }

    #[test]
    fn a_closed_loop_is_noted() {
        noted(|results| results.arguments.rate = None, "closed loop: ");
        let mut none = sample();
        none.arguments.rate = None;
        none.messages.sent = 0;
        assert_eq!(closed_loop(&none), None);
    }
}
