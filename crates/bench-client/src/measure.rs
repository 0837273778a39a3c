//! From what a run brought to its results.

use crate::{
    distribution::distribution,
    load::Outcome,
    machine,
    plan::Plan,
    results::{Connections, Cpu, InFlight, Messages, NoiseFloor, Results, SCHEMA, Target, Verdict},
    verdict,
};

/// Puts everything together: figures, then expectations, then the verdict.
pub(crate) fn results(plan: &Plan, floor: Option<NoiseFloor>, outcome: &Outcome) -> Results {
    let measured = &outcome.measured;
    let scheduled = measured.scheduled.as_ref();
    let machine = machine::here();
    let mut results = Results {
        schema: SCHEMA,
        started: machine::rfc3339(outcome.started),
        target: Target {
            address: plan.server.host.clone(),
            same_host: outcome.is_same_host,
        },
        arguments: plan.arguments.clone(),
        cpu: cpu(plan, outcome, machine.cpus),
        machine,
        noise_floor: floor,
        interrupted: outcome.interrupted,
        elapsed_s: outcome.elapsed.as_secs_f64(),
        connections: connections(plan, outcome),
        messages: messages(outcome),
        throughput: proto::qps::rate(outcome.inside, outcome.elapsed),
        latency: distribution(measured.latency()),
        latency_uncorrected: scheduled.map(|_| distribution(&measured.uncorrected)),
        schedule_lag: scheduled.map(|scheduled| distribution(&scheduled.lag)),
        in_flight: InFlight {
            sampled_mean: outcome.in_flight.sampled,
            samples: outcome.in_flight.samples,
            latency_mean: outcome.in_flight.by_latency,
        },
        series: outcome.series.clone(),
        failures: outcome.failures.by_name(),
        expectations: Vec::new(),
        verdict: Verdict::default(),
    };
    judge(plan, outcome, &mut results);
    results
}

/// Checks the expectations, and then the whole run. One that expects a valid run
/// needs the verdict, which in turn needs the others.
fn judge(plan: &Plan, outcome: &Outcome, results: &mut Results) {
    let latencies = outcome.measured.latency();
    let check = |results: &Results| {
        let expectations = plan.expect.iter();
        expectations
            .map(|expect| expect.check(results, latencies))
            .collect()
    };
    results.expectations = check(results);
    results.verdict = verdict::verdict(results);
    results.expectations = check(results);
}

fn messages(outcome: &Outcome) -> Messages {
    Messages {
        sent: outcome.sent,
        replies: outcome.replies,
        replies_in_window: outcome.inside,
        unanswered: outcome.unanswered,
        unsent: outcome.unsent,
        payload_bytes: outcome.measured.payload_bytes,
        wire_bytes: outcome.measured.wire_bytes,
        reads: outcome.reads,
        writes: outcome.writes,
    }
}

fn connections(plan: &Plan, outcome: &Outcome) -> Connections {
    let mut sorted = outcome.replies_by_connection.clone();
    sorted.sort_unstable();
    // Those that had nothing to send got nothing, and so they come first.
    let idle = usize::try_from(outcome.idle).unwrap_or(usize::MAX);
    let busy = sorted.get(idle..).unwrap_or_default();
    Connections {
        requested: plan.load.connections,
        opened: outcome.opened,
        idle: outcome.idle,
        replies_min: busy.first().copied().unwrap_or(0),
        replies_median: busy.get(busy.len() / 2).copied().unwrap_or(0),
        replies_max: busy.last().copied().unwrap_or(0),
        jain_fairness: jain_fairness(busy),
        replies: outcome.replies_by_connection.clone(),
    }
}

/// Jain's fairness index (Jain, Chiu and Hawe, 1984): the square of the sum over
/// n times the sum of the squares.
fn jain_fairness(shares: &[u64]) -> f64 {
    let sum: f64 = shares.iter().map(|share| *share as f64).sum();
    let squares: f64 = shares.iter().map(|share| (*share as f64).powi(2)).sum();
    if squares > 0.0 {
        sum * sum / (shares.len() as f64 * squares)
    } else {
        1.0
    }
}

fn cpu(plan: &Plan, outcome: &Outcome, cpus: u64) -> Cpu {
    let cpu = &outcome.cpu;
    let client = cpu.connections + cpu.conductor.unwrap_or_default();
    // The rest of the process are the server's threads. A system whose clocks
    // disagree does not say.
    let server = cpu
        .process
        .and_then(|process| process.checked_sub(client))
        .filter(|rest| plan.arguments.with_server && !rest.is_zero());
    let client = match cpu.process {
        Some(process) if !plan.arguments.with_server => process,
        _ => client,
    };
    let share = |used: f64, available: f64| {
        if available > 0.0 {
            used / available
        } else {
            0.0
        }
    };
    let elapsed_s = outcome.elapsed.as_secs_f64();
    Cpu {
        client_cpu_s: client.as_secs_f64(),
        server_cpu_s: server.map(|server| server.as_secs_f64()),
        client_utilization: share(client.as_secs_f64(), elapsed_s * cpus as f64),
        busiest_thread_utilization: share(cpu.busiest.as_secs_f64(), elapsed_s),
        machine_utilization: cpu.host_share,
    }
}
