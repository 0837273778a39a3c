//! Whether the load was what was requested, and was observed evenly.

use crate::results::{Results, kinds};

/// A load beside the messages (`--load`) that was not as requested.
pub(super) fn without_load(results: &Results) -> Option<String> {
    let load = results.under_load.as_ref()?;
    let (requested, kinds) = (load.requested, kinds(&load.failures));
    let fault = if load.loaded.is_none() {
        "the run ended before the loaded part".to_owned()
    } else if !kinds.is_empty() {
        format!("connections of the load failed ({kinds})")
    } else if load.opened < requested {
        format!(
            "only {} of {requested} connections of the load were opened",
            load.opened
        )
    } else if load.bytes_per_s <= 0.0 {
        "the load got no reply".to_owned()
    } else {
        return None;
    };
    Some(format!(
        "{fault}: the loaded figures are not those of the requested load; see the server's log, and \
         repeat without that"
    ))
}

/// Maximum difference of the two counts of messages in flight.
const LITTLE_TOLERANCE: f64 = 0.05;

/// Messages that the samples must have counted before the two are compared. A count
/// of n has a relative error of 1/√n; three times that is within the tolerance from
/// n = (3 / 0.05)² on.
const LITTLE_MIN_SEEN: f64 = 3600.0;

/// Little's law: messages in flight = throughput × mean time in flight. It holds
/// for any load and any server, and both sides are taken over the same window. A
/// difference is therefore an error of this program: the counting thread was held
/// up at certain moments, or replies are missing from the figures.
pub(super) fn little(results: &Results) -> Option<String> {
    let in_flight = &results.in_flight;
    let (sampled, expected) = (in_flight.sampled_mean, in_flight.latency_mean);
    // A message with a long latency is counted by several samples.
    let seen = sampled * in_flight.samples as f64;
    if seen.min(results.messages.replies as f64) < LITTLE_MIN_SEEN {
        return None;
    }
    // Not `>`: NaN does not hold.
    let holds = (sampled - expected).abs() <= LITTLE_TOLERANCE * sampled;
    (!holds).then(|| {
        format!(
            "messages in flight were {sampled:.2} by {} samples and {expected:.2} by their \
             latencies (Little's law): the generator was held up while it sampled them, so lower \
             the load or free CPUs",
            in_flight.samples
        )
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{
        results::{Part, UnderLoad},
        verdict::tests::{suspect, valid},
    };

    #[test]
    fn a_load_has_to_be_there() {
        let load = |change: fn(&mut UnderLoad)| {
            move |results: &mut Results| {
                let mut load = UnderLoad {
                    requested: 2,
                    opened: 2,
                    frame_bytes: 65_536,
                    bytes_per_s: 1e9,
                    failures: BTreeMap::new(),
                    idle: Part::default(),
                    loaded: Some(Part::default()),
                };
                change(&mut load);
                results.under_load = Some(load);
            }
        };
        valid(load(|_| ()));
        suspect(
            load(|load| load.loaded = None),
            "ended before the loaded part",
        );
        suspect(
            load(|load| load.opened = 1),
            "only 1 of 2 connections of the load",
        );
        suspect(load(|load| load.bytes_per_s = 0.0), "the load got no reply");
        suspect(
            load(|load| load.failures = [("closed".to_owned(), 2)].into()),
            "connections of the load failed (2 closed)",
        );
    }

    #[test]
    fn littles_law_is_held_within_5_percent() {
        let in_flight = |sampled: f64, expected: f64, samples: u64, results: &mut Results| {
            results.in_flight.sampled_mean = sampled;
            results.in_flight.latency_mean = expected;
            results.in_flight.samples = samples;
        };
        valid(|results| in_flight(4.0, 3.81, 1000, results));
        valid(|results| in_flight(4.0, 4.19, 1000, results));
        suspect(
            |results| in_flight(4.0, 3.79, 1000, results),
            "were 4.00 by 1000 samples and 3.79 by their latencies",
        );
        suspect(|results| in_flight(4.0, 4.21, 1000, results), "and 4.21");
        suspect(|results| in_flight(4.0, f64::NAN, 1000, results), "NaN");
        // Few samples, or few messages, say nothing.
        valid(|results| in_flight(4.0, 1.0, 899, results));
        suspect(|results| in_flight(4.0, 1.0, 900, results), "1.00");
        valid(|results| {
            in_flight(4.0, 1.0, 1000, results);
            results.messages.replies = 3599;
        });
    }
}
