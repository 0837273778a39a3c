//! The summary that a run ends with: one screen of a terminal.

use std::fmt::{self, Display, Formatter, Write as _};

use crate::{
    format::{Bytes, Count, Latency, plural, wrap},
    results::{Arguments, Arrivals, NoiseFloor, Part, Results, UnderLoad, kinds},
    statistics::{Distribution, Fit, Spread},
};

mod histogram;
mod latencies;

/// A run in 24 lines of 80 columns, if there is not much to say about it.
pub struct RunSummary<'a>(pub &'a Results);

impl Display for RunSummary<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let results = self.0;
        writeln!(f, "{}", wrap("", &target(results)))?;
        writeln!(f, "{}", wrap("", &pace(&results.arguments)))?;
        if results.arguments.ranks > 1 {
            row(f, "ranks", ranks(results))?;
        }
        write_counts(f, results)?;
        if let Some(floor) = &results.noise_floor {
            write_noise_floor(f, floor)?;
        }
        write_cpu(f, results)?;
        row(f, "tcp", tcp(results))?;
        latencies::write(f, results)?;
        if let Some(load) = &results.under_load {
            write_under_load(f, load)?;
        }
        write_failures(f, results)?;
        if let Some(precision) = &results.precision {
            row(f, "until", precision)?;
        }
        for expectation in &results.expectations {
            row(f, "expected", expectation)?;
        }
        write_verdict(f, results)
    }
}

/// A row with its name, broken into lines that fit.
fn row(f: &mut Formatter<'_>, name: &str, text: impl Display) -> fmt::Result {
    let wrapped = wrap(&format!("{name:<12} "), &text.to_string());
    writeln!(f, "{wrapped}")
}

/// Where messages went, and what they looked like.
fn target(results: &Results) -> String {
    let arguments = &results.arguments;
    let mut target = format!(
        "{}, {}, {} bytes",
        results.target.address, arguments.wire, arguments.size
    );
    for (name, is_on) in [
        ("tls", arguments.tls),
        ("checksum", arguments.checksum),
        ("compress", arguments.compress),
        ("not verified", !arguments.verify),
    ] {
        if is_on {
            target.push_str(", ");
            target.push_str(name);
        }
    }
    target
}

/// When messages were sent.
fn pace(arguments: &Arguments) -> String {
    let pipeline = arguments.pipeline;
    let connections = plural(arguments.connections, "connection");
    let each = if arguments.connections == 1 {
        ""
    } else {
        "each of "
    };
    match arguments.rate {
        None => format!("closed loop, {pipeline} in flight on {each}{connections}"),
        Some(target) => format!(
            "open loop, target rate {:#}/s{} over {connections}, up to {pipeline} in flight on each",
            Count(target),
            match arguments.arrivals {
                Arrivals::Uniform => "",
                Arrivals::Poisson => " (Poisson)",
            }
        ),
    }
}

/// Which part of the load this is, or how much of it.
fn ranks(results: &Results) -> String {
    let (ranks, lines) = (results.arguments.ranks, &results.ranks);
    if let [line] = lines.as_slice() {
        let rank = line.rank;
        return format!("rank {rank} of {ranks}, with a share of the load above");
    }
    let throughput: Vec<f64> = lines.iter().map(|line| line.throughput).collect();
    let each = Spread::of(&throughput).map_or(String::new(), |each| {
        let (min, max) = (Count(each.min), Count(each.max));
        format!(", {min} – {max} messages/s each")
    });
    format!("{} of {ranks}{each}", lines.len())
}

fn write_counts(f: &mut Formatter<'_>, results: &Results) -> fmt::Result {
    let messages = &results.messages;
    let connections = &results.connections;
    row(
        f,
        "connections",
        format!("{} of {}", connections.opened, connections.requested),
    )?;
    let replies = messages.replies_in_window;
    let elapsed = Latency(1e6 * results.elapsed_s);
    row(f, "round trips", format!("{replies} in {elapsed}"))?;
    if let Some(latency) = &results.connect_latency {
        row(f, "connects", connects(latency))?;
    }
    if let Some(fit) = &results.arrivals {
        row(f, "arrivals", arrivals(fit))?;
    }
    let Some(payload) = messages.each(messages.payload_bytes as f64) else {
        return row(f, "throughput", "0 messages/s");
    };
    row(
        f,
        "throughput",
        format!(
            "{} messages/s, {}/s of payload each way",
            Count(results.throughput),
            Bytes(results.throughput * payload)
        ),
    )?;
    write_costs(f, results, payload)
}

/// How long connections took to open.
fn connects(latency: &Distribution) -> String {
    let mut text = plural(latency.count, "further connection");
    for (name, us) in latency.percentiles().into_iter().take(3) {
        if let Some(us) = us {
            let _ = write!(text, ", {name} {}", Latency(us));
        }
    }
    if latency.count > 0 {
        let _ = write!(text, ", max {}", Latency(latency.max_us));
    }
    text
}

/// The messages without and with a load, side by side.
fn write_under_load(f: &mut Formatter<'_>, load: &UnderLoad) -> fmt::Result {
    writeln!(
        f,
        "{}",
        wrap(
            "",
            &format!(
                "load of {} on {}, {}/s each way, in the second part",
                Bytes(load.frame_bytes as f64),
                plural(load.opened, "connection"),
                Bytes(load.bytes_per_s)
            )
        )
    )?;
    let none = Part::default();
    let loaded = load.loaded.as_ref().unwrap_or(&none);
    let mut line =
        |name: &str, idle: String, loaded: String| writeln!(f, "  {name:<8}{idle:>12}{loaded:>12}");
    line("", "idle".to_owned(), "loaded".to_owned())?;
    let rate = |part: &Part| format!("{}/s", Count(part.throughput));
    line("messages", rate(&load.idle), rate(loaded))?;
    let idle = load.idle.latency.percentiles();
    for ((name, idle), (_, loaded)) in idle.into_iter().zip(loaded.latency.percentiles()).take(4) {
        let figure = |us: Option<f64>| us.map_or("-".to_owned(), |us| Latency(us).to_string());
        line(name, figure(idle), figure(loaded))?;
    }
    let max = |part: &Part| Latency(part.latency.max_us).to_string();
    line("max", max(&load.idle), max(loaded))
}

/// How well the times of sending fit a Poisson process.
fn arrivals(fit: &Fit) -> String {
    let Fit {
        gaps,
        ks_statistic,
        p_value,
    } = fit;
    let p = if *p_value < 0.001 {
        "p < 0.001".to_owned()
    } else {
        format!("p = {p_value:.3}")
    };
    format!("against a Poisson process: KS {ks_statistic:.3} over {gaps} gaps, {p}")
}

/// The price of a message of `payload` bytes on the wire, and in system calls.
fn write_costs(f: &mut Formatter<'_>, results: &Results, payload: f64) -> fmt::Result {
    let messages = &results.messages;
    let each = |count: u64| count as f64 / messages.replies as f64;
    let framed = each(messages.wire_bytes);
    let ratio = Count(framed / payload);
    let framed = Count(framed);
    let size = format!("{framed:#} bytes, {ratio:#}x the payload");
    row(f, "framed size", size)?;
    let (writes, reads) = (each(messages.writes), each(messages.reads));
    let calls = format!("{writes:.2} writes and {reads:.2} reads per message");
    row(f, "system calls", calls)
}

fn write_noise_floor(f: &mut Formatter<'_>, floor: &NoiseFloor) -> fmt::Result {
    let figures = |name: &str, p50: f64, p99: f64| {
        format!("{name} p50 {}, p99 {}", Latency(p50), Latency(p99))
    };
    let NoiseFloor {
        timer_overshoot_p50_us: timer_p50,
        timer_overshoot_p99_us: timer_p99,
        thread_wakeup_p50_us: wakeup_p50,
        thread_wakeup_p99_us: wakeup_p99,
        ..
    } = *floor;
    row(
        f,
        "noise floor",
        figures("timer overshoot", timer_p50, timer_p99),
    )?;
    row(f, "", figures("thread wake-up", wakeup_p50, wakeup_p99))
}

/// What the run took of the CPUs, and its server or all together.
fn write_cpu(f: &mut Formatter<'_>, results: &Results) -> fmt::Result {
    let cpu = &results.cpu;
    let replies = results.messages.replies_in_window;
    let each = |seconds: f64| {
        let latency = Latency(1e6 * seconds / replies as f64);
        format!("{latency} per message")
    };
    let (percent, cpus) = (100.0 * cpu.client_utilization, cpu.client_cpus);
    let client = format!("client {percent:.0} % of {}", plural(cpus, "CPU"));
    let client_each = (replies > 0).then(|| each(cpu.client_cpu_s));
    let client: Vec<_> = [client].into_iter().chain(client_each).collect();
    row(f, "cpu", client.join(", "))?;
    let server = cpu.server_cpu_s.filter(|_| replies > 0);
    let server = server.map(|server_s| format!("server {}", each(server_s)));
    let machine = cpu.machine_utilization;
    let machine = machine.map(|share| format!("machine {:.0} %", 100.0 * share));
    let others: Vec<_> = server.into_iter().chain(machine).collect();
    if others.is_empty() {
        return Ok(());
    }
    row(f, "", others.join(", "))
}

/// What the kernel saw of the connections: the median of the client's ends.
fn tcp(results: &Results) -> String {
    if results.arguments.per_connection.is_some() {
        return "unknown: connections are closed before it is asked for".to_owned();
    }
    let Some(tcp) = &results.tcp else {
        return "unknown: this system does not say what its kernel saw".to_owned();
    };
    let mut text = plural(tcp.retransmitted(), "retransmission");
    if let Some(state) = &tcp.client.end {
        let _ = write!(
            text,
            ", rtt {:#} ± {:#}, min {:#}, cwnd {:#}",
            Latency(state.rtt_us.median),
            Latency(state.rtt_variance_us.median),
            Latency(state.min_rtt_us.median),
            Count(state.congestion_window.median)
        );
    }
    let sent = results.messages.sent;
    if sent > 0 {
        let each = tcp.client.data_segments_out as f64 / sent as f64;
        let _ = write!(text, ", {each:.2} segments per message");
    }
    text
}

fn write_failures(f: &mut Formatter<'_>, results: &Results) -> fmt::Result {
    let messages = &results.messages;
    if messages.unanswered > 0 {
        row(
            f,
            "unanswered",
            format!("{} of {} messages sent", messages.unanswered, messages.sent),
        )?;
    }
    if messages.unsent > 0 {
        let due = messages.sent + messages.unsent;
        row(
            f,
            "unsent",
            format!("{} of {due} messages due", messages.unsent),
        )?;
    }
    let failures = kinds(&results.failures);
    row(
        f,
        "failures",
        if failures.is_empty() {
            "none"
        } else {
            &failures
        },
    )
}

/// The last word, without a line end.
fn write_verdict(f: &mut Formatter<'_>, results: &Results) -> fmt::Result {
    let verdict = &results.verdict;
    f.write_str(verdict.outcome())?;
    for reason in &verdict.reasons {
        write!(f, "\n{}", wrap("  - ", reason))?;
    }
    for note in &verdict.notes {
        write!(f, "\n{}", wrap("  note: ", note))?;
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeMap;

    use hdrhistogram::Histogram;

    use super::*;
    use crate::{
        Expect,
        format::COLUMNS,
        results::{Verdict, sample},
        verdict,
    };

    /// Shows a run, and checks that it fits the columns and `lines`.
    #[track_caller]
    fn show(results: &Results, lines: usize) -> String {
        let text = RunSummary(results).to_string();
        for line in text.lines() {
            let columns = line.chars().count();
            assert!(columns <= COLUMNS, "{columns} columns: {line}");
        }
        assert!(text.lines().count() <= lines, "{text}");
        text
    }

    fn open() -> Results {
        let mut results = sample();
        results.arguments.rate = Some(100_000.0);
        results.arguments.with_server = true;
        results.cpu.server_cpu_s = Some(4.25);
        results.latency_uncorrected = Some(results.latency.clone());
        results.latency.p50_us = 61.5;
        results.latency.max_us = 1234.5;
        results.expectations = ["qps>=100k", "errors==0", "max<1ms"]
            .map(|text| {
                let expect: Expect = text.parse().unwrap();
                expect.check(&results, &Histogram::new(3).unwrap())
            })
            .to_vec();
        results
    }

    #[test]
    fn a_closed_loop_fits_one_screen() {
        let text = show(&sample(), 24);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "127.0.0.1:60000, framed, 12 bytes",
                "closed loop, 1 in flight on each of 4 connections",
                "connections  4 of 4",
                "round trips  1000000 in 10.0 s",
                "throughput   100k messages/s, 1.20 MB/s of payload each way",
                "framed size  16 bytes, 1.33x the payload",
                "system calls 1.00 writes and 1.00 reads per message",
                "noise floor  timer overshoot p50 55.0 µs, p99 70.0 µs",
                "             thread wake-up p50 5.00 µs, p99 12.0 µs",
                "cpu          client 12 % of 8 CPUs, 10.0 µs per message",
                "             machine 30 %",
                "tcp          0 retransmissions, rtt 21 µs ± 9 µs, min 14 µs, cwnd 10, 1.00",
                "             segments per message",
                "latency                samples by latency",
                "  min        20.0 µs   ≤ 40.0 µs #############################    500000  50.0 %",
                "  mean       40.0 µs   ≤ 60.0 µs ########################         400000  40.0 %",
                "  p50        40.0 µs   ≤  150 µs ######                            99000   9.9 %",
                "  p90        60.0 µs   ≤  900 µs #                                  1000   0.1 %",
                "  p99        90.0 µs",
                "  p99.9       150 µs",
                "  p99.99      400 µs",
                "  max         900 µs",
                "failures     none",
                "VALID",
            ]
        );
    }

    #[test]
    fn an_open_loop_shows_both_latencies() {
        let text = show(&open(), 24 + 3);
        for line in [
            "open loop, target rate 100k/s over 4 connections, up to 1 in flight on each",
            "cpu          client 12 % of 8 CPUs, 10.0 µs per message",
            "             server 4.25 µs per message, machine 30 %",
            "latency    corrected uncorrected   samples by corrected latency",
            "  p50        61.5 µs     40.0 µs   ≤  150 µs #####                         99000",
            "  max        1.23 ms      900 µs",
            "expected     qps>=100k met: 100000",
            "expected     errors==0 met: 0",
            "expected     max<1ms missed: 1.23 ms, 23 % over",
        ] {
            assert!(
                text.lines().any(|other| other == line),
                "{line:?} in {text}"
            );
        }
    }

    #[test]
    fn idle_and_loaded_stand_side_by_side() {
        let mut results = sample();
        let part = |throughput: f64, p99_us: f64| {
            let mut latency = sample().latency;
            latency.p99_us = p99_us;
            Part {
                elapsed_s: 5.0,
                throughput,
                latency,
            }
        };
        results.under_load = Some(UnderLoad {
            requested: 2,
            opened: 2,
            frame_bytes: 65_536,
            bytes_per_s: 1.5e9,
            failures: BTreeMap::new(),
            idle: part(20_000.0, 90.0),
            loaded: Some(part(12_000.0, 1900.0)),
        });
        let text = show(&results, 24 + 8);
        for line in [
            "load of 65.5 kB on 2 connections, 1.50 GB/s each way, in the second part",
            "                  idle      loaded",
            "  messages     20.0k/s     12.0k/s",
            "  p99          90.0 µs     1.90 ms",
            "  max           900 µs      900 µs",
        ] {
            assert!(
                text.lines().any(|other| other == line),
                "{line:?} in {text}"
            );
        }
        results.under_load.as_mut().unwrap().loaded = None;
        assert!(show(&results, 24 + 8).contains("  p99          90.0 µs           -\n"));
    }

    #[test]
    fn further_connections_have_a_row() {
        let mut results = sample();
        results.arguments.per_connection = Some(10);
        results.tcp = None;
        let mut latency = results.latency.clone();
        latency.count = 999;
        results.connect_latency = Some(latency);
        let text = show(&results, 25);
        for line in [
            "connects     999 further connections, p50 40.0 µs, p90 60.0 µs, max 900 µs",
            "tcp          unknown: connections are closed before it is asked for",
        ] {
            assert!(text.lines().any(|other| other == line), "{text}");
        }
    }

    #[test]
    fn arrivals_at_random_are_tested() {
        let mut results = open();
        results.arguments.arrivals = Arrivals::Poisson;
        let mut line = |p_value| {
            results.arrivals = Some(Fit {
                gaps: 4096,
                ks_statistic: 0.0123,
                p_value,
            });
            let text = show(&results, 24 + 6);
            assert!(text.contains("target rate 100k/s (Poisson) over"), "{text}");
            let found = text.lines().find(|line| line.starts_with("arrivals "));
            found.unwrap().to_owned()
        };
        let start = "arrivals     against a Poisson process: KS 0.012 over 4096 gaps, ";
        assert_eq!(line(0.53), format!("{start}p = 0.530"));
        assert_eq!(line(0.0009), format!("{start}p < 0.001"));
    }

    #[test]
    fn one_connection_is_not_each_of_many() {
        let mut arguments = sample().arguments;
        arguments.connections = 1;
        assert_eq!(pace(&arguments), "closed loop, 1 in flight on 1 connection");
    }

    #[test]
    fn a_bad_run_says_all_that_is_bad() {
        let mut results = sample();
        results.connections.opened = 3;
        results.messages.unanswered = 2;
        results.messages.unsent = 7;
        results.failures = [("refused".to_owned(), 1), ("timeout".to_owned(), 3)].into();
        results.latency.count = 999;
        results.latency.buckets.clear();
        let few = Histogram::<u64>::new(3).unwrap();
        results.expectations = vec![Expect::check(&"p99<5us".parse().unwrap(), &results, &few)];
        results.verdict = verdict::verdict(&results);
        let text = show(&results, 38);
        for line in [
            "connections  3 of 4",
            "unanswered   2 of 1000000 messages sent",
            "unsent       7 of 1000007 messages due",
            "failures     1 refused, 3 timeout",
            "expected     p99<5us missed: it takes 1000 samples, and there were fewer",
            "SUSPECT",
        ] {
            assert!(
                text.lines().any(|other| other == line),
                "{line:?} in {text}"
            );
        }
        // 999 replies support p90 and not p99.
        assert!(text.contains("\n  p90        60.0 µs"), "{text}");
        assert!(text.contains("\n  p99              -"), "{text}");
    }

    #[test]
    fn notes_are_below_the_verdict() {
        let mut results = sample();
        results.arguments.verify = false;
        results.verdict = verdict::verdict(&results);
        let text = show(&results, 30);
        let (_, verdict) = text
            .split_once("\nSUSPECT\n  - replies were not verified")
            .unwrap();
        assert!(verdict.contains("\n  note: closed loop: "), "{text}");
    }

    #[test]
    fn a_run_without_replies_fits_as_well() {
        let mut results = sample();
        results.messages = crate::results::Messages::default();
        results.latency = Distribution::default();
        results.throughput = 0.0;
        results.noise_floor = None;
        results.verdict = Verdict {
            valid: false,
            reasons: vec!["no reply came: look".to_owned()],
            notes: Vec::new(),
        };
        let text = show(&results, 24);
        assert!(text.contains("\nround trips  0 in 10.0 s\n"), "{text}");
        assert!(!text.contains("NaN") && !text.contains("latency"), "{text}");
        assert!(
            text.ends_with("\nSUSPECT\n  - no reply came: look"),
            "{text}"
        );
    }
}
