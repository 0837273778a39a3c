//! Whether CPUs limited the figures: the generator's, or those it shares with the
//! server.

use crate::{format::plural, results::Results};

/// Share of all CPUs above which the generator is the bottleneck.
const MAX_GENERATOR: f64 = 0.9;

/// Share of one CPU above which a thread limits its connection.
const MAX_THREAD: f64 = 0.9;

pub(super) fn generator(results: &Results) -> Option<String> {
    let share = results.cpu.client_utilization;
    (share > MAX_GENERATOR && !spins(results)).then(|| {
        format!(
            "the generator used {:.0} % of all CPUs and was the bottleneck: lower the load, or \
             generate it on a larger machine or on several",
            100.0 * share
        )
    })
}

pub(super) fn busiest_thread(results: &Results) -> Option<String> {
    let share = results.cpu.busiest_thread_utilization;
    (share > MAX_THREAD && generator(results).is_none() && !spins(results)).then(|| {
        format!(
            "a generator thread used {:.0} % of a CPU and was the bottleneck: spread the load over \
             more connections (-c), or lower it",
            100.0 * share
        )
    })
}

/// Whether threads use CPU time while they wait, so that utilization says nothing.
fn spins(results: &Results) -> bool {
    !results.arguments.spin.is_zero()
}

/// More spinning threads than CPUs: they take turns.
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

/// Busy share of all CPUs above which client and server wait for each other.
const MAX_MACHINE: f64 = 0.95;

pub(super) fn shared(results: &Results) -> Option<String> {
    let share = results.cpu.machine_utilization?;
    (are_shared(results) && share > MAX_MACHINE && !spins(results)).then(|| {
        format!(
            "client and server share {} that were {:.0} % busy: the figures are those of \
             both together; for the server's own run them on two hosts, or pin them apart",
            plural(results.machine.cpus, "CPU"),
            100.0 * share
        )
    })
}

pub(super) fn are_shared(results: &Results) -> bool {
    results.arguments.with_server || results.target.same_host == Some(true)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::verdict::tests::{noted, suspect, valid};

    #[test]
    fn spinning_threads_need_a_cpu_each() {
        let spin = |results: &mut Results| {
            results.arguments.spin = Duration::from_millis(1);
            // Spinning uses all of it.
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
        // One of the two reasons is enough.
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
}
