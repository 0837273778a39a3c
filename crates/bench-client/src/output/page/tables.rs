//! The tables of the page: the figures of a run in words.

use super::quantity::{THIN, bytes, count, exact, micros, number, percent, precise};
use crate::results::{
    Arguments, Connections, Cpu, Distribution, InFlight, Machine, NoiseFloor, Results,
};

/// Stands where a figure does not apply.
const NONE: &str = "–";

/// Plain text; whoever shows it escapes it.
pub(super) struct Table {
    pub(super) title: &'static str,
    /// Above the cells, the name of the row left out; empty if it says nothing.
    pub(super) head: Vec<&'static str>,
    pub(super) rows: Vec<(String, Vec<String>)>,
}

impl Table {
    /// One value to a name.
    fn list(title: &'static str, rows: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        let rows = rows.into_iter();
        Self {
            title,
            head: Vec::new(),
            rows: rows
                .map(|(name, value)| (name.to_owned(), vec![value]))
                .collect(),
        }
    }
}

/// All of them, what matters most first.
pub(super) fn tables(results: &Results) -> Vec<Table> {
    let mut tables = vec![
        throughput(results),
        latency(results),
        connections(&results.connections, results.in_flight),
        failures(results),
    ];
    if !results.expectations.is_empty() {
        tables.push(expectations(results));
    }
    tables.push(cpu(&results.cpu));
    tables.extend(results.noise_floor.as_ref().map(noise_floor));
    tables.push(machine(&results.machine));
    tables.push(arguments(results));
    tables
}

fn throughput(results: &Results) -> Table {
    let messages = &results.messages;
    let each = |size: u64| messages.each(size as f64).unwrap_or_default();
    let a_second = |size: u64| format!("{}/s", bytes(each(size) * results.throughput));
    let a_reply = |calls: u64| number(calls as f64 / messages.replies as f64);
    Table::list(
        "Throughput",
        [
            ("replies", format!("{}/s", number(results.throughput))),
            ("payload, each way", a_second(messages.payload_bytes)),
            ("on the wire, each way", a_second(messages.wire_bytes)),
            (
                "measured for",
                format!("{}{THIN}s", number(results.elapsed_s)),
            ),
            ("messages sent", count(messages.sent)),
            ("right replies", count(messages.replies)),
            (
                "of these within the time",
                count(messages.replies_in_window),
            ),
            ("unanswered", count(messages.unanswered)),
            ("unsent", count(messages.unsent)),
            ("writes per reply", a_reply(messages.writes)),
            ("reads per reply", a_reply(messages.reads)),
        ],
    )
}

fn latency(results: &Results) -> Table {
    let is_open_loop = results.latency_uncorrected.is_some();
    let columns: Vec<(&str, &Distribution)> = [
        (
            if is_open_loop { "corrected" } else { "latency" },
            Some(&results.latency),
        ),
        ("uncorrected", results.latency_uncorrected.as_ref()),
        ("schedule lag", results.schedule_lag.as_ref()),
    ]
    .into_iter()
    .filter_map(|(name, distribution)| Some((name, distribution?)))
    .collect();

    let row = |name: &str, figure: fn(&Distribution) -> f64| {
        let cells = columns.iter().map(|(_, distribution)| {
            if distribution.count == 0 {
                NONE.to_owned()
            } else {
                micros(figure(distribution))
            }
        });
        (name.to_owned(), cells.collect())
    };
    Table {
        title: "Latency",
        head: columns.iter().map(|&(name, _)| name).collect(),
        rows: vec![
            row("min", |latency| latency.min_us),
            row("mean", |latency| latency.mean_us),
            row("std. dev.", |latency| latency.stddev_us),
            row("p50", |latency| latency.p50_us),
            row("p90", |latency| latency.p90_us),
            row("p99", |latency| latency.p99_us),
            row("p99.9", |latency| latency.p99_9_us),
            row("p99.99", |latency| latency.p99_99_us),
            row("max", |latency| latency.max_us),
        ],
    }
}

fn connections(connections: &Connections, in_flight: InFlight) -> Table {
    Table::list(
        "Connections",
        [
            (
                "opened",
                format!(
                    "{} of {}",
                    count(connections.opened),
                    count(connections.requested)
                ),
            ),
            ("fewest replies on one", count(connections.replies_min)),
            ("median", count(connections.replies_median)),
            ("most", count(connections.replies_max)),
            ("without a message to send", count(connections.idle)),
            (
                "Jain fairness, 1 is even",
                number(connections.jain_fairness),
            ),
            (
                "in flight over all, sampled mean",
                number(in_flight.sampled_mean),
            ),
            ("the same by latencies", number(in_flight.latency_mean)),
        ],
    )
}

fn failures(results: &Results) -> Table {
    let mut rows: Vec<_> = results
        .failures
        .iter()
        .map(|(kind, failures)| (kind.clone(), vec![count(*failures)]))
        .collect();
    if rows.is_empty() {
        rows.push(("none".to_owned(), vec![count(0)]));
    }
    Table {
        title: "Failures",
        head: vec!["count"],
        rows,
    }
}

fn expectations(results: &Results) -> Table {
    let rows = results.expectations.iter().map(|expectation| {
        let outcome = if expectation.met { "met" } else { "missed" };
        let cells = vec![
            expectation.measured.map_or_else(|| "–".to_owned(), precise),
            outcome.to_owned(),
        ];
        (expectation.text.clone(), cells)
    });
    Table {
        title: "Expectations, measured in their own unit",
        head: vec!["measured", "outcome"],
        rows: rows.collect(),
    }
}

fn cpu(cpu: &Cpu) -> Table {
    let seconds = |s: f64| format!("{}{THIN}s", number(s));
    Table::list(
        "CPU, during the run",
        [
            ("this process, without a server", seconds(cpu.client_cpu_s)),
            ("that share of all CPUs", percent(cpu.client_utilization)),
            (
                "busiest thread, of one CPU",
                percent(cpu.busiest_thread_utilization),
            ),
            ("server in this process", or_none(cpu.server_cpu_s, seconds)),
            (
                "all CPUs, by any process",
                or_none(cpu.machine_utilization, percent),
            ),
        ],
    )
}

fn noise_floor(noise: &NoiseFloor) -> Table {
    Table::list(
        "Noise floor, before the run",
        [
            ("reading the clock", micros(noise.clock_us)),
            ("timer overshoot, p50", micros(noise.timer_overshoot_p50_us)),
            ("timer overshoot, p99", micros(noise.timer_overshoot_p99_us)),
            ("thread wake-up, p50", micros(noise.thread_wakeup_p50_us)),
            ("thread wake-up, p99", micros(noise.thread_wakeup_p99_us)),
        ],
    )
}

fn machine(machine: &Machine) -> Table {
    let known = |text: &Option<String>| text.clone().unwrap_or_else(|| NONE.to_owned());
    Table::list(
        "Machine",
        [
            ("bench-client", machine.version.clone()),
            ("system", machine.os.clone()),
            ("kernel", known(&machine.kernel)),
            ("CPU model", known(&machine.cpu_model)),
            ("CPUs usable", count(machine.cpus)),
        ],
    )
}

fn arguments(results: &Results) -> Table {
    let arguments: &Arguments = &results.arguments;
    let yes = |is_set: bool| if is_set { "yes" } else { "no" }.to_owned();
    let seconds = |s: f64| format!("{}{THIN}s", exact(s));
    let size = |size: u64| format!("{}{THIN}bytes", count(size));
    Table::list(
        "Arguments",
        [
            ("target", results.target.address.clone()),
            ("server in this process", yes(arguments.with_server)),
            ("wire", arguments.wire.clone()),
            ("connections", count(arguments.connections)),
            ("pipeline", count(arguments.pipeline)),
            (
                "rate",
                or_none(arguments.rate, |rate| {
                    format!("{}{THIN}messages/s", exact(rate))
                }),
            ),
            ("duration", or_none(arguments.duration_s, seconds)),
            ("requests", or_none(arguments.requests, count)),
            ("warm-up", seconds(arguments.warmup_s)),
            ("ramp", seconds(arguments.ramp_s)),
            ("timeout", seconds(arguments.timeout_s)),
            ("size", format!("{}{THIN}bytes", arguments.size)),
            ("seed", arguments.seed.to_string()),
            ("entropy", exact(arguments.entropy)),
            ("verify", yes(arguments.verify)),
            ("checksum", yes(arguments.checksum)),
            ("compress", yes(arguments.compress)),
            ("TLS", yes(arguments.tls)),
            ("heartbeat", or_none(arguments.heartbeat_s, seconds)),
            ("read buffer", size(arguments.read_buffer)),
            ("write buffer", or_none(arguments.write_buffer, size)),
            ("socket's send buffer", or_none(arguments.send_buffer, size)),
            (
                "socket's receive buffer",
                or_none(arguments.recv_buffer, size),
            ),
            ("no delay", yes(arguments.nodelay)),
        ],
    )
}

fn or_none<T>(value: Option<T>, show: impl Fn(T) -> String) -> String {
    value.map_or_else(|| NONE.to_owned(), show)
}
