//! The summary that a run ends with: one screen of a terminal.

use std::fmt::{self, Display, Formatter};

use crate::{
    output::{
        latencies,
        text::{Latency, wrap},
    },
    results::{Arguments, NoiseFloor, Results},
    verdict,
};

/// A run in 24 lines of 80 columns, if there is not much to complain about.
pub(crate) struct Summary<'a>(pub(crate) &'a Results);

impl Display for Summary<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let results = self.0;
        writeln!(f, "{}", wrap("", &target(&results.arguments)))?;
        writeln!(f, "{}", wrap("", &pace(&results.arguments)))?;
        write_counts(f, results)?;
        if let Some(floor) = &results.noise_floor {
            row(f, "noise floor", floor)?;
        }
        row(f, "cpu", Processors(results))?;
        latencies::write(f, results)?;
        let unanswered = results.messages.unanswered;
        if unanswered > 0 {
            row(f, "unanswered", format!("{unanswered} when the run ended"))?;
        }
        let failures = verdict::failures(results);
        let failures = if failures.is_empty() {
            "none"
        } else {
            &failures
        };
        row(f, "failures", failures)?;
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
fn target(arguments: &Arguments) -> String {
    let mut target = format!(
        "{}, {}, {} bytes",
        arguments.host, arguments.wire, arguments.size
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
    let (connections, each) = match arguments.connections {
        1 => ("1 connection".to_owned(), ""),
        n => (format!("{n} connections"), "each of "),
    };
    match arguments.rate {
        None => format!("closed loop, {pipeline} in flight on {each}{connections}"),
        Some(rate) => format!(
            "open loop, {rate} messages/s asked over {connections}, up to {pipeline} in flight each"
        ),
    }
}

fn write_counts(f: &mut Formatter<'_>, results: &Results) -> fmt::Result {
    let messages = &results.messages;
    let connections = &results.connections;
    let replies = messages.replies;
    row(
        f,
        "connections",
        format!("{} of {}", connections.opened, connections.asked),
    )?;
    row(
        f,
        "round trips",
        format!("{replies} in {:.3} s", results.elapsed_s),
    )?;
    if replies == 0 {
        return row(f, "throughput", "0 messages/s");
    }
    let per_reply = |count: u64| count as f64 / replies as f64;
    let payload = per_reply(messages.payload_bytes);
    let wire = per_reply(messages.wire_bytes);
    let throughput = results.throughput;
    let megabytes = throughput * payload / 1e6;
    row(
        f,
        "throughput",
        format!("{throughput:.0} messages/s, {megabytes:.3} MB/s of payload each way"),
    )?;
    // Messages of one size have a whole number of bytes.
    let digits = usize::from(wire.fract() != 0.0);
    row(
        f,
        "wire",
        format!(
            "{wire:.digits$} bytes a message, x{:.3} of its payload",
            wire / payload
        ),
    )?;
    row(
        f,
        "system calls",
        format!(
            "{:.2} writes and {:.2} reads a message",
            per_reply(messages.writes),
            per_reply(messages.reads)
        ),
    )
}

impl Display for NoiseFloor {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "clock {:.2}, sleep +{:.1}/{:.1}, handover {:.1}/{:.1} µs (p50/p99)",
            self.clock_us,
            self.sleep_overshoot_p50_us,
            self.sleep_overshoot_p99_us,
            self.handover_p50_us,
            self.handover_p99_us
        )
    }
}

/// What the run took of the processors, and its server or all together.
struct Processors<'a>(&'a Results);

impl Display for Processors<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let cpu = &self.0.cpu;
        let replies = self.0.messages.replies;
        let per_reply = |seconds: f64| Latency(1e6 * seconds / replies as f64);
        if replies > 0 {
            write!(f, "{} a message", per_reply(cpu.own_s))?;
            if let Some(server_s) = cpu.server_s {
                write!(f, " (server {})", per_reply(server_s))?;
            }
            f.write_str(", ")?;
        }
        let (percent, processors) = (100.0 * cpu.own_share, self.0.host.processors);
        write!(f, "{percent:.0} % of {processors} CPUs")?;
        if let Some(share) = cpu.host_share {
            write!(f, " (host {:.0} %)", 100.0 * share)?;
        }
        Ok(())
    }
}

/// The last word, without a line end.
fn write_verdict(f: &mut Formatter<'_>, results: &Results) -> fmt::Result {
    let verdict = &results.verdict;
    f.write_str(if verdict.is_valid { "VALID" } else { "SUSPECT" })?;
    for reason in &verdict.reasons {
        write!(f, "\n{}", wrap("  - ", reason))?;
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{
        expect,
        output::text::COLUMNS,
        results::{Distribution, Verdict, sample},
    };

    /// Shows a run, and checks that it fits the columns and `lines`.
    #[track_caller]
    fn show(results: &Results, lines: usize) -> String {
        let text = Summary(results).to_string();
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
        results.cpu.server_s = Some(4.25);
        results.latency_uncorrected = Some(results.latency.clone());
        results.latency.p50_us = 61.5;
        results.latency.max_us = 1234.5;
        results.expectations = ["p99<5ms", "qps>=100k", "errors=0"]
            .map(|text| expect::parse(text).unwrap().judge(&results))
            .to_vec();
        results
    }

    #[test]
    fn a_closed_loop_fits_one_screen() {
        let text = show(&sample(), 23);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[..9],
            [
                "127.0.0.1:60000, framed, 12 bytes",
                "closed loop, 1 in flight on each of 4 connections",
                "connections  4 of 4",
                "round trips  1000000 in 10.000 s",
                "throughput   100000 messages/s, 1.200 MB/s of payload each way",
                "wire         16 bytes a message, x1.333 of its payload",
                "system calls 1.00 writes and 1.00 reads a message",
                "noise floor  clock 0.03, sleep +55.0/70.0, handover 5.0/12.0 µs (p50/p99)",
                "cpu          10.0 µs a message, 12 % of 8 CPUs (host 30 %)",
            ]
        );
        assert!(text.contains("\n  p99          90.0 µs   ≤"), "{text}");
        assert_eq!(lines.last(), Some(&"VALID"));
    }

    #[test]
    fn an_open_loop_shows_both_latencies() {
        let text = show(&open(), 24);
        assert!(text.contains("\nopen loop, 100000 messages/s asked over 4 connections, up to 1"));
        assert!(
            text.contains("\n  p50          61.5 µs       40.0 µs   ≤ "),
            "{text}"
        );
        assert!(text.contains("\n  max        1234.5 µs      900.0 µs   ≤ "));
        assert!(
            text.contains("\nexpected     p99<5ms met: 90.0 µs\n"),
            "{text}"
        );
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
        results.failures = [("refused".to_owned(), 1), ("timeout".to_owned(), 3)].into();
        results.latency.count = 999;
        results.expectations = vec![expect::parse("p99<5us").unwrap().judge(&results)];
        results.verdict = verdict::verdict(&results);
        let text = show(&results, 31);
        for line in [
            "connections  3 of 4",
            "unanswered   2 when the run ended",
            "failures     1 refused, 3 timeout",
            "expected     p99<5us missed: 90.0 µs, 1700 % over",
            "SUSPECT",
        ] {
            assert!(
                text.lines().any(|other| other == line),
                "{line:?} in {text}"
            );
        }
        // 999 replies support p90 and not p99.
        assert!(text.contains("\n  p90          60.0 µs   ≤"), "{text}");
        assert!(text.contains("\n  p99             -      ≤"), "{text}");
    }

    #[test]
    fn a_run_without_replies_fits_as_well() {
        let mut results = sample();
        results.messages = crate::results::Messages::default();
        results.latency = Distribution::default();
        results.throughput = 0.0;
        results.noise_floor = None;
        results.verdict = Verdict {
            is_valid: false,
            reasons: vec!["no reply came: look".to_owned()],
        };
        let text = show(&results, 24);
        assert!(text.contains("\nround trips  0 in 10.000 s\n"), "{text}");
        assert!(!text.contains("NaN") && !text.contains("latency"), "{text}");
        assert!(
            text.ends_with("\nSUSPECT\n  - no reply came: look"),
            "{text}"
        );
    }
}
