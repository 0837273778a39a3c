//! Whether the load was served evenly, and whether the generator or the server
//! made the figures.

use crate::{
    format::plural,
    results::{Results, kinds},
};

/// Share of all CPUs from which on the generator waits for itself.
const MAX_GENERATOR: f64 = 0.9;

/// Share of one CPU from which on a thread, and so its connection, waits for
/// itself.
const MAX_THREAD: f64 = 0.9;

pub(super) fn generator(results: &Results) -> Option<String> {
    let share = results.cpu.client_utilization;
    (share > MAX_GENERATOR && !spins(results)).then(|| {
        format!(
            "the generator used {:.0} % of all CPUs and waited for itself: lower the load, or \
             generate it from a larger machine or from several",
            100.0 * share
        )
    })
}

pub(super) fn busiest_thread(results: &Results) -> Option<String> {
    let share = results.cpu.busiest_thread_utilization;
    (share > MAX_THREAD && generator(results).is_none() && !spins(results)).then(|| {
        format!(
            "a generator thread used {:.0} % of a CPU and waited for itself: spread the load over \
             more connections (-c), or lower it",
            100.0 * share
        )
    })
}

/// Whether threads use CPUs while they wait, so that their use says nothing.
fn spins(results: &Results) -> bool {
    !results.arguments.spin.is_zero()
}

/// Threads that spin and have no CPU of their own: they take turns.
pub(super) fn spinning(results: &Results) -> Option<String> {
    // A server in this process is not pinned with the generator.
    let arguments = &results.arguments;
    let both = arguments.with_server && arguments.cpus.is_none();
    let ends = if both { 2 } else { 1 };
    let (threads, cpus) = (ends * results.connections.opened, results.cpu.client_cpus);
    (spins(results) && threads > cpus).then(|| {
        format!(
            "{threads} threads spin on {} and take turns: the latency includes waiting for a CPU, \
             and a saturated generator does not show; lower -c, or leave out --spin",
            plural(cpus, "CPU")
        )
    })
}

/// A load beside the messages that was not what was requested.
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
        "{fault}: what is shown as loaded is not; see the server's log, and repeat without that"
    ))
}

/// Busy share of all CPUs from which on client and server wait for each other.
const MAX_MACHINE: f64 = 0.95;

pub(super) fn shared_cpus(results: &Results) -> Option<String> {
    let share = results.cpu.machine_utilization?;
    (shares_cpus(results) && share > MAX_MACHINE && !spins(results)).then(|| {
        format!(
            "client and server share {} that were {:.0} % busy: the figures are those of \
             both together; for the server's own run them on two hosts, or pin them apart",
            plural(results.machine.cpus, "CPU"),
            100.0 * share
        )
    })
}

fn shares_cpus(results: &Results) -> bool {
    results.arguments.with_server || results.target.same_host == Some(true)
}

/// Jain's index below which service is uneven. With half of the connections at
/// twice the replies of the others it is still 0.9: (1.5)² / 2.5.
const MIN_FAIRNESS: f64 = 0.9;

/// The least share of the median that a connection must have.
const MIN_SHARE: f64 = 0.5;

/// Median below which uneven replies are chance: 100 have a standard deviation
/// of 10, so that half of them is five away.
const MIN_MEDIAN: u64 = 100;

/// A connection with messages and no reply.
pub(super) fn starved(results: &Results) -> Option<String> {
    let connections = &results.connections;
    let silent = connections.replies.iter().filter(|n| **n == 0).count() as u64;
    let starved = silent.saturating_sub(connections.idle);
    (starved > 0 && results.messages.replies > 0).then(|| {
        format!(
            "{starved} of {} connections got no reply: raise -d, lower -c, or look for what the \
             server does with them",
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
    let remedy = if shares_cpus(results) && runnable > results.machine.cpus {
        format!(
            "{runnable} threads take turns on {}, so the scheduler decides: `chrt --fifo 1` \
             for both ends serves them evenly",
            plural(results.machine.cpus, "CPU")
        )
    } else {
        "look for how the server shares its time among connections, or lower -c".to_owned()
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

/// How far the two counts of messages in flight may be apart.
const LITTLE_TOLERANCE: f64 = 0.05;

/// Messages that the samples must have seen before they are compared. Seeing n
/// by chance leaves a relative error of 1/√n; three of those fit into the
/// tolerance from n = (3 / 0.05)² on.
const LITTLE_MIN_SEEN: f64 = 3600.0;

/// Little's law: messages in flight = throughput × mean time in flight. It holds
/// for any load, whatever the server does, and both sides are taken over the
/// same window; so a gap is an error of this program's own: the thread that
/// counts was held up at certain moments, or replies are missing in the figures.
pub(super) fn little(results: &Results) -> Option<String> {
    let in_flight = &results.in_flight;
    let (sampled, expected) = (in_flight.sampled_mean, in_flight.latency_mean);
    // Messages that take long are seen by several samples.
    let seen = sampled * in_flight.samples as f64;
    if seen.min(results.messages.replies as f64) < LITTLE_MIN_SEEN {
        return None;
    }
    // Not `>`, which NaN would pass.
    let holds = (sampled - expected).abs() <= LITTLE_TOLERANCE * sampled;
    (!holds).then(|| {
        format!(
            "messages in flight were {sampled:.2} by {} samples and {expected:.2} by their \
             latencies (Little's law): the generator could not observe itself evenly, so lower the \
             load or free CPUs",
            in_flight.samples
        )
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::{collections::BTreeMap, time::Duration};

    use super::*;
    use crate::{
        results::{Part, UnderLoad},
        verdict::tests::{noted, suspect, valid},
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
    fn spinning_threads_need_a_cpu_each() {
        let spin = |results: &mut Results| {
            results.arguments.spin = Duration::from_millis(1);
            // All of it is used, whatever there is to do.
            results.cpu.client_utilization = 1.0;
            results.cpu.busiest_thread_utilization = 1.0;
            results.cpu.machine_utilization = Some(1.0);
        };
        // 4 connections on 8 CPUs, and on 4.
        valid(spin);
        valid(|results| {
            spin(results);
            results.cpu.client_cpus = 4;
        });
        noted(
            |results| {
                spin(results);
                results.cpu.client_cpus = 3;
            },
            "4 threads spin on 3 CPUs",
        );
        noted(
            |results| {
                spin(results);
                results.cpu.client_cpus = 7;
                results.arguments.with_server = true;
            },
            "8 threads spin on 7 CPUs",
        );
    }

    #[test]
    fn the_generator_has_room() {
        valid(|results| results.cpu.client_utilization = 0.9);
        suspect(
            |results| results.cpu.client_utilization = 0.91,
            "91 % of all CPUs",
        );
        valid(|results| results.cpu.busiest_thread_utilization = 0.9);
        suspect(
            |results| results.cpu.busiest_thread_utilization = 0.91,
            "a generator thread used 91 % of a CPU",
        );
        // One of them is enough to say.
        suspect(
            |results| {
                results.cpu.client_utilization = 0.99;
                results.cpu.busiest_thread_utilization = 0.99;
            },
            "99 % of all CPUs",
        );
    }

    #[test]
    fn shared_cpus_are_noted_when_they_are_busy() {
        let busy = |share: f64, results: &mut Results| {
            results.cpu.machine_utilization = Some(share);
        };
        valid(|results| busy(0.97, results));
        noted(
            |results| {
                busy(0.97, results);
                results.target.same_host = Some(true);
            },
            "client and server share 8 CPUs that were 97 % busy",
        );
        noted(
            |results| {
                busy(0.97, results);
                results.arguments.with_server = true;
            },
            "97 % busy",
        );
        valid(|results| {
            busy(0.95, results);
            results.target.same_host = Some(true);
        });
        valid(|results| {
            results.cpu.machine_utilization = None;
            results.target.same_host = Some(true);
        });
    }

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
             look for how the server",
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
        // A slower start was requested.
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
        noted(|results| uneven(8, true, results), "look for how");
        noted(|results| uneven(7, false, results), "look for how");
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
