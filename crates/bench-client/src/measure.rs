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

#[cfg(test)]
#[allow(clippy::float_cmp, clippy::unwrap_used)]
mod tests {
    use std::time::{Duration, SystemTime};

    use clap::Parser;

    use super::*;
    use crate::{
        args::Args,
        load::{CpuTime, Failure, Outcome},
        results::Second,
    };

    fn plan(options: &str) -> Plan {
        let line = ["bench-client", "-h", "127.0.0.1:7"].into_iter();
        let args = Args::try_parse_from(line.chain(options.split_whitespace()));
        args.unwrap().run.try_into().unwrap()
    }

    /// Each figure is another one.
    fn outcome(has_schedule: bool) -> Outcome {
        let mut outcome = Outcome::new(has_schedule);
        outcome.started = SystemTime::UNIX_EPOCH + Duration::from_millis(1_500);
        outcome.elapsed = Duration::from_secs(4);
        outcome.opened = 5;
        outcome.idle = 1;
        outcome.replies_by_connection = vec![30, 0, 10, 20, 40];
        (outcome.sent, outcome.replies, outcome.unanswered) = (111, 104, 6);
        (outcome.unsent, outcome.inside) = (3, 100);
        (outcome.reads, outcome.writes) = (70, 80);
        outcome.in_flight.sampled = 2.5;
        outcome.in_flight.samples = 400;
        outcome.in_flight.by_latency = 2.75;
        outcome.failures.add(Failure::Short);
        outcome.measured.payload_bytes = 1248;
        outcome.measured.wire_bytes = 1664;
        outcome.is_same_host = Some(true);
        for us in 1..=104 {
            outcome.measured.uncorrected.record(us * 1000).unwrap();
            if let Some(scheduled) = &mut outcome.measured.scheduled {
                scheduled.corrected.record(us * 2000).unwrap();
                scheduled.lag.record(us * 3000).unwrap();
            }
        }
        outcome
    }

    #[test]
    fn every_figure_is_in_its_place() {
        let floor = NoiseFloor {
            clock_us: 1.0,
            timer_overshoot_p50_us: 2.0,
            timer_overshoot_p99_us: 3.0,
            thread_wakeup_p50_us: 4.0,
            thread_wakeup_p99_us: 5.0,
        };
        let mut outcome = outcome(false);
        outcome.interrupted = true;
        outcome.series = vec![Second {
            elapsed_s: 1.0,
            throughput: 2.0,
            p50_us: None,
            p99_us: None,
            max_us: None,
            in_flight: 3,
            failures: 4,
            warmup: true,
        }];
        let plan = plan("-c 6 -d 4s");
        let results = results(&plan, Some(floor.clone()), &outcome);
        assert_eq!(results.schema, SCHEMA);
        assert_eq!(results.started, "1970-01-01T00:00:01.500Z");
        assert_eq!(results.target.address, "127.0.0.1:7");
        assert_eq!(results.target.same_host, Some(true));
        assert_eq!(results.arguments, plan.arguments);
        assert_eq!(results.machine, machine::here());
        assert_eq!(results.noise_floor, Some(floor));
        assert_eq!(results.series, outcome.series);
        assert!(results.interrupted);
        assert_eq!((results.elapsed_s, results.throughput), (4.0, 25.0));
        let expected = Messages {
            sent: 111,
            replies: 104,
            replies_in_window: 100,
            unanswered: 6,
            unsent: 3,
            payload_bytes: 1248,
            wire_bytes: 1664,
            reads: 70,
            writes: 80,
        };
        assert_eq!(results.messages, expected);
        let in_flight = InFlight {
            sampled_mean: 2.5,
            samples: 400,
            latency_mean: 2.75,
        };
        assert_eq!(results.in_flight, in_flight);
        assert_eq!(results.failures, [("short".to_owned(), 1)].into());
        assert_eq!(results.latency.count, 104);
        assert_eq!(results.latency_uncorrected, None);
        assert_eq!(results.schedule_lag, None);
        assert!(!results.verdict.valid);
    }

    #[test]
    fn a_schedule_has_three_distributions() {
        let results = results(&plan("-r 100"), None, &outcome(true));
        let max = |distribution: &crate::results::Distribution| distribution.max_us.round();
        assert_eq!(max(&results.latency), 208.0);
        assert_eq!(max(&results.latency_uncorrected.unwrap()), 104.0);
        assert_eq!(max(&results.schedule_lag.unwrap()), 312.0);
        assert_eq!(results.noise_floor, None);
    }

    #[test]
    fn connections_are_counted_without_the_idle() {
        let connections = connections(&plan("-c 6"), &outcome(false));
        assert_eq!((connections.requested, connections.opened), (6, 5));
        assert_eq!((connections.idle, connections.replies_min), (1, 10));
        assert_eq!(
            (connections.replies_median, connections.replies_max),
            (30, 40)
        );
        assert_eq!(connections.replies, [30, 0, 10, 20, 40]);
        // 100² / (4 × 3000).
        assert!((connections.jain_fairness - 10_000.0 / 12_000.0).abs() < 1e-12);
        let mut none = outcome(false);
        none.replies_by_connection.clear();
        let connections = super::connections(&plan("-c 6"), &none);
        assert_eq!((connections.replies_min, connections.replies_max), (0, 0));
        assert_eq!(connections.jain_fairness, 1.0);
    }

    #[test]
    fn fairness_is_jains() {
        assert_eq!(jain_fairness(&[7, 7, 7]), 1.0);
        assert_eq!(jain_fairness(&[9, 0, 0]), 1.0 / 3.0);
        assert_eq!(jain_fairness(&[1, 1, 2, 2]), 0.9);
        assert_eq!(jain_fairness(&[]), 1.0);
        assert_eq!(jain_fairness(&[0, 0]), 1.0);
    }

    #[test]
    fn the_conductor_is_the_clients_and_the_rest_the_servers() {
        let seconds = Duration::from_secs;
        let mut outcome = outcome(false);
        outcome.cpu = CpuTime {
            connections: seconds(3),
            busiest: seconds(2),
            conductor: Some(seconds(1)),
            process: Some(seconds(10)),
            host_share: Some(0.75),
        };
        let embedded = cpu(&plan_with_server(), &outcome, 2);
        assert_eq!(
            (embedded.client_cpu_s, embedded.server_cpu_s),
            (4.0, Some(6.0))
        );
        assert_eq!(embedded.client_utilization, 0.5);
        assert_eq!(embedded.busiest_thread_utilization, 0.5);
        assert_eq!(embedded.machine_utilization, Some(0.75));
        let apart = cpu(&plan(""), &outcome, 2);
        assert_eq!((apart.client_cpu_s, apart.server_cpu_s), (10.0, None));
        assert_eq!(apart.client_utilization, 1.25);

        // Clocks that disagree, or that there are not.
        outcome.cpu.process = Some(seconds(4));
        assert_eq!(cpu(&plan_with_server(), &outcome, 2).server_cpu_s, None);
        outcome.cpu.process = Some(seconds(3));
        assert_eq!(cpu(&plan_with_server(), &outcome, 2).server_cpu_s, None);
        outcome.cpu.process = None;
        outcome.cpu.conductor = None;
        assert_eq!(cpu(&plan(""), &outcome, 2).client_cpu_s, 3.0);
        outcome.elapsed = Duration::ZERO;
        let unmeasured = cpu(&plan(""), &outcome, 2);
        assert_eq!(unmeasured.client_utilization, 0.0);
        assert_eq!(unmeasured.busiest_thread_utilization, 0.0);
    }

    fn plan_with_server() -> Plan {
        let args = Args::try_parse_from(["bench-client", "--with-server"]);
        args.unwrap().run.try_into().unwrap()
    }

    #[test]
    fn an_expected_verdict_is_known_last() {
        let mut outcome = outcome(false);
        outcome.failures = crate::load::Failures::default();
        (outcome.unanswered, outcome.opened, outcome.unsent) = (0, 5, 0);
        let met = |options: &str, outcome: &Outcome| {
            let results = results(&plan(options), None, outcome);
            let met = results.expectations.iter().map(|each| each.met);
            (met.collect::<Vec<_>>(), results.verdict.valid)
        };
        assert_eq!(met("-c 5 --expect valid", &outcome), (vec![true], true));
        // p99 takes more samples than there are, and so the run is not valid.
        assert_eq!(
            met(
                "-c 5 --expect valid --expect p99<1s --expect qps>20",
                &outcome
            ),
            (vec![false, false, true], false)
        );
        assert_eq!(met("-c 5 --expect p50<53us", &outcome), (vec![true], true));
        assert_eq!(met("-c 5 --expect p50<52us", &outcome), (vec![false], true));
    }
}
