//! What the machine added and used, as text.

use crate::{
    format::{Latency, plural},
    results::{NoiseFloor, Results},
};

pub(super) fn timer(floor: &NoiseFloor) -> String {
    let (p50, p99) = (floor.timer_overshoot_p50_us, floor.timer_overshoot_p99_us);
    format!("timer overshoot p50 {}, p99 {}", Latency(p50), Latency(p99))
}

pub(super) fn wakeup(floor: &NoiseFloor) -> String {
    let (p50, p99) = (floor.thread_wakeup_p50_us, floor.thread_wakeup_p99_us);
    format!("thread wake-up p50 {}, p99 {}", Latency(p50), Latency(p99))
}

/// The client's share of its CPUs, and its CPU time per message.
pub(super) fn client_cpu(results: &Results) -> String {
    let cpu = &results.cpu;
    let (percent, cpus) = (100.0 * cpu.client_utilization, cpu.client_cpus);
    let client = format!("client {percent:.0} % of {}", plural(cpus, "CPU"));
    match per_message(results, cpu.client_cpu_s) {
        Some(each) => format!("{client}, {each}"),
        None => client,
    }
}

/// The server's CPU time per message, and the share that all processes used.
pub(super) fn other_cpu(results: &Results) -> Option<String> {
    let cpu = &results.cpu;
    let server = cpu.server_cpu_s.and_then(|s| per_message(results, s));
    let server = server.map(|each| format!("server {each}"));
    let machine = cpu.machine_utilization;
    let machine = machine.map(|share| format!("machine {:.0} %", 100.0 * share));
    let others: Vec<_> = server.into_iter().chain(machine).collect();
    (!others.is_empty()).then(|| others.join(", "))
}

fn per_message(results: &Results, cpu_s: f64) -> Option<String> {
    let replies = results.messages.replies_in_window;
    (replies > 0).then(|| format!("{} per message", Latency(1e6 * cpu_s / replies as f64)))
}
