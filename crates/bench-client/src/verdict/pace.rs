//! Whether a load was what it was meant to be: its rate, its schedule, and
//! that its figures agree with each other.

use crate::{
    output::text::Latency,
    results::{Arguments, Results},
    verdict::bounds::{
        LITTLE_MIN_SEEN, LITTLE_MIN_TURNS, LITTLE_TOLERANCE, LOOKS_PER_SECOND, MIN_RATE_SHARE,
    },
};

/// Little's law: messages in flight = throughput × mean time in flight.
pub(super) fn little(results: &Results) -> Option<String> {
    let in_flight = results.in_flight_mean;
    let replies = results.messages.replies as f64;
    // Messages that take long are seen by several looks.
    let seen = (in_flight * LOOKS_PER_SECOND * results.elapsed_s).min(replies);
    if seen < LITTLE_MIN_SEEN || replies < LITTLE_MIN_TURNS * in_flight {
        return None;
    }
    // Waiting for the schedule is not being in flight.
    let uncorrected = results.latency_uncorrected.as_ref();
    let mean_us = uncorrected.unwrap_or(&results.latency).mean_us;
    let expected = results.throughput * mean_us / 1e6;
    // Not `>`, which NaN would pass.
    let holds = (in_flight - expected).abs() <= LITTLE_TOLERANCE * in_flight;
    (!holds).then(|| {
        format!(
            "Little's law does not hold, {in_flight:.2} in flight against {expected:.2} by \
             throughput x mean latency: the clock or the counters are held up, so free \
             processors or lower the load"
        )
    })
}

/// Messages that were sent after their time. A lag within the pause between
/// two messages changes no order, and one within the median latency less than
/// doubles it; beyond both, the corrected latency is mostly lag.
pub(super) fn late(results: &Results) -> Option<String> {
    let lag_us = results.schedule_lag.as_ref()?.p99_us;
    let interval_us = 1e6 / results.arguments.rate?;
    let p50_us = results.latency_uncorrected.as_ref()?.p50_us;
    (lag_us > interval_us.max(p50_us)).then(|| {
        format!(
            "1 % of the messages were sent {} late or more, with one due every {} and a median \
             latency of {}: the generator or the server cannot keep up, so lower --rate, spread \
             it over more connections (-c), or free processors",
            Latency(lag_us),
            Latency(interval_us),
            Latency(p50_us)
        )
    })
}

/// A rate that was not achieved.
pub(super) fn behind(results: &Results) -> Option<String> {
    let rate = results.arguments.rate?;
    // What is still in flight at the end was sent in time.
    let due = rate * results.elapsed_s - results.in_flight_mean;
    let replies = results.messages.replies as f64;
    if replies >= MIN_RATE_SHARE * due || ramp_was_measured(&results.arguments) {
        return None;
    }
    let throughput = results.throughput;
    let percent = 100.0 * (1.0 - throughput / rate);
    Some(format!(
        "{throughput:.0} of the {rate:.0} messages/s asked were achieved, {percent:.1} % less: \
         the generator or the server cannot keep up, so lower --rate or allow more in flight"
    ))
}

/// Whether the load was still growing when the measurement began.
pub(super) fn ramp_was_measured(arguments: &Arguments) -> bool {
    arguments.ramp_s > arguments.warmup_s
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::verdict::tests::{open, suspect, valid};

    #[test]
    fn littles_law_is_held_within_5_percent() {
        // 100,000 a second of 40 µs are 4 in flight.
        valid(|results| results.in_flight_mean = 4.2);
        valid(|results| results.in_flight_mean = 3.82);
        suspect(|results| results.in_flight_mean = 4.22, "4.22 in flight");
        suspect(|results| results.in_flight_mean = 3.8, "against 4.00");
        suspect(|results| results.latency.mean_us = f64::NAN, "NaN");
        // Few looks, or few turns, say nothing.
        valid(|results| {
            results.in_flight_mean = 40.0;
            results.elapsed_s = 0.89;
        });
        valid(|results| results.in_flight_mean = 10_001.0);
        valid(|results| {
            results.in_flight_mean = 25.0;
            results.messages.replies = 3000;
        });
        // The law is about the time in flight, not about the schedule.
        suspect(
            |results| {
                open(results);
                results.in_flight_mean = 6.0;
            },
            "against 4.00",
        );
    }

    #[test]
    fn an_open_loop_keeps_its_schedule() {
        let lag = |lag_us: f64, p50_us: f64, results: &mut Results| {
            open(results);
            results.schedule_lag.as_mut().unwrap().p99_us = lag_us;
            results.latency_uncorrected.as_mut().unwrap().p50_us = p50_us;
        };
        valid(|results| lag(9.0, 5.0, results));
        suspect(|results| lag(11.0, 5.0, results), "11.0 µs late");
        suspect(|results| lag(41.0, 40.0, results), "41.0 µs late");
    }

    #[test]
    fn an_open_loop_achieves_its_rate() {
        let achieve = |replies: u64, results: &mut Results| {
            open(results);
            results.messages.replies = replies;
            results.throughput = replies as f64 / results.elapsed_s;
        };
        valid(|results| achieve(990_000, results));
        suspect(
            |results| achieve(980_000, results),
            "98000 of the 100000 messages/s asked were achieved, 2.0 % less",
        );
        // 10,000 were still in flight.
        valid(|results| {
            achieve(981_000, results);
            results.in_flight_mean = 10_000.0;
        });
        // A slower start was asked for.
        valid(|results| {
            achieve(980_000, results);
            results.arguments.ramp_s = 2.0;
        });
    }
}
