use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use super::*;
use crate::{
    Expect,
    format::COLUMNS,
    results::{Arrivals, Part, UnderLoad, Verdict, sample},
    statistics::{Distribution, Fit},
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
        "tcp          unknown: with --per-connection, connections close before the end",
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
    assert_eq!(
        load::pace(&arguments),
        "closed loop, 1 in flight on 1 connection"
    );
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
    let text = show(&results, 39);
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
