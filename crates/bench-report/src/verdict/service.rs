//! Whether all connections were served, and how evenly.

use super::cpus;
use crate::{format::plural, results::Results};

/// Jain's index below which service is uneven. With half of the connections at
/// twice the replies of the others it is still 0.9: (1.5)² / 2.5.
const MIN_FAIRNESS: f64 = 0.9;

/// The share of the median that the slowest connection must have.
const MIN_SHARE: f64 = 0.5;

/// Median below which uneven replies may be chance: 100 have a standard deviation
/// of 10, so that half of them is five deviations away.
const MIN_MEDIAN: u64 = 100;

/// Connections with messages and no reply.
pub(super) fn starved(results: &Results) -> Option<String> {
    let connections = &results.connections;
    let silent = connections.replies.iter().filter(|n| **n == 0).count() as u64;
    let starved = silent.saturating_sub(connections.idle);
    (starved > 0 && results.messages.replies > 0).then(|| {
        format!(
            "{starved} of {} connections got no reply: raise -d, lower -c, or check how the server \
             handles them",
            connections.opened
        )
    })
}

pub(super) fn uneven(results: &Results) -> Option<String> {
    let connections = &results.connections;
    let (min, median) = (connections.replies_min, connections.replies_median);
    let fairness = connections.jain_fairness;
    let is_uneven = fairness < MIN_FAIRNESS || (min as f64) < MIN_SHARE * median as f64;
    // Connections of a ramp are uneven on purpose.
    if median < MIN_MEDIAN || !is_uneven || ramp_was_measured(results) {
        return None;
    }
    // Both ends of a connection can run at once.
    let runnable = 2 * connections.opened;
    let remedy = if cpus::are_shared(results) && runnable > results.machine.cpus {
        format!(
            "{runnable} threads take turns on {}, so the scheduler decides: `chrt --fifo 1` \
             for both ends serves them evenly",
            plural(results.machine.cpus, "CPU")
        )
    } else {
        "check how the server shares its time among connections, or lower -c".to_owned()
    };
    let max = connections.replies_max;
    Some(format!(
        "uneven service: slowest connection {min} replies, median {median}, fastest {max} (Jain \
         fairness {fairness:.2}): {remedy}"
    ))
}

/// Whether the load was still growing when the measurement began.
fn ramp_was_measured(results: &Results) -> bool {
    results.arguments.ramp > results.arguments.warmup
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::verdict::tests::{noted, suspect, valid};

    #[test]
    fn a_connection_without_a_reply_is_starved_if_it_sent_any() {
        let silent = |idle: u64, results: &mut Results| {
            results.connections.replies = vec![500_000, 500_000, 0, 0];
            results.connections.idle = idle;
        };
        suspect(
            |results| silent(0, results),
            "2 of 4 connections got no reply",
        );
        suspect(
            |results| silent(1, results),
            "1 of 4 connections got no reply",
        );
        valid(|results| silent(2, results));
    }

    #[test]
    fn uneven_service_is_noted_with_its_extremes() {
        let uneven = |results: &mut Results| {
            results.connections.replies_min = 124_999;
            results.connections.replies_max = 300_000;
            results.connections.jain_fairness = 0.93;
        };
        noted(
            uneven,
            "slowest connection 124999 replies, median 250000, fastest 300000 (Jain fairness 0.93): \
             check how the server",
        );
        noted(
            |results| results.connections.jain_fairness = 0.89,
            "Jain fairness 0.89",
        );
        valid(|results| results.connections.jain_fairness = 0.9);
        valid(|results| results.connections.replies_min = 125_000);
        valid(|results| {
            results.connections.jain_fairness = 0.8;
            results.connections.replies_min = 10;
            results.connections.replies_median = 99;
        });
        noted(
            |results| {
                results.connections.jain_fairness = 0.8;
                results.connections.replies_median = 100;
            },
            "0.80",
        );
        // A gradual start was requested.
        valid(|results| {
            uneven(results);
            results.arguments.ramp = Duration::from_secs(2);
        });
        noted(
            |results| {
                uneven(results);
                results.arguments.ramp = Duration::from_secs(2);
                results.arguments.warmup = Duration::from_secs(2);
            },
            "uneven",
        );
    }

    #[test]
    fn the_scheduler_is_blamed_where_it_decides() {
        let uneven = |cpus: u64, same_host: bool, results: &mut Results| {
            results.connections.jain_fairness = 0.5;
            results.machine.cpus = cpus;
            results.target.same_host = Some(same_host);
        };
        noted(
            |results| uneven(7, true, results),
            "8 threads take turns on 7 CPUs, so the scheduler decides: `chrt --fifo 1`",
        );
        noted(|results| uneven(8, true, results), "check how");
        noted(|results| uneven(7, false, results), "check how");
    }
}
