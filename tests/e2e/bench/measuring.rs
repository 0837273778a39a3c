//! `bench-client`: whether its figures are right.

use std::time::Duration;

use testkit::{Behaviour, Liar, Server, assert_usage_error, measured::measure};

#[test]
fn counts_add_up() {
    let server = Server::start(&[]);
    let args = "-c 7 -n 1000 --pipeline 3 -s 12";
    let measured = measure(&server.host(), args, 0);
    for (pointer, count) in [
        ("/connections/requested", 7),
        ("/connections/opened", 7),
        ("/messages/sent", 1000),
        ("/messages/replies", 1000),
        ("/messages/unanswered", 0),
        ("/messages/payload_bytes", 12_000),
        ("/messages/wire_bytes", 16_000),
        ("/latency/count", 1000),
    ] {
        assert_eq!(measured.count(pointer), count, "{pointer}");
    }
    assert_eq!(measured.at("/failures"), &serde_json::json!({}));

    let mut replies = measured.replies();
    replies.sort_unstable();
    assert_eq!((replies.len(), replies.iter().sum()), (7, 1000_u64));
    for (pointer, rank) in [("min", 0), ("median", 3), ("max", 6)] {
        let pointer = format!("/connections/replies_{pointer}");
        assert_eq!(measured.count(&pointer), replies[rank], "{pointer}");
    }

    let throughput = measured.figure("/throughput");
    let expected = 1000.0 / measured.figure("/elapsed_s");
    assert!((throughput / expected - 1.0).abs() < 0.01, "{throughput}");
    let percentiles = ["min", "p50", "p90", "p99", "p99_9", "p99_99", "max"]
        .map(|name| measured.figure(&format!("/latency/{name}_us")));
    assert!(percentiles[0] > 0.0, "{percentiles:?}");
    assert!(percentiles.is_sorted(), "{percentiles:?}");
}

#[test]
fn one_message_is_a_run() {
    let server = Server::start(&[]);
    let measured = measure(&server.host(), "-c 1 -n 1", 0);
    assert_eq!(measured.count("/messages/replies"), 1);
    assert_eq!(measured.replies(), [1]);
}

#[test]
fn a_seed_repeats_its_sizes() {
    let server = Server::start(&[]);
    let bytes = |seed| {
        let args = format!("-c 3 -n 500 -s 64..4k --seed {seed}");
        let measured = measure(&server.host(), &args, 0);
        let payload = measured.count("/messages/payload_bytes");
        assert!((500 * 64..=500 * 4096).contains(&payload), "{payload}");
        let wire = measured.count("/messages/wire_bytes");
        assert_eq!(wire, payload + 500 * 4);
        wire
    };
    let first = bytes(7);
    assert_eq!(bytes(7), first);
    assert_ne!(bytes(8), first);
}

/// A server that stands still is not asked in the meantime, so few messages
/// are slow by their sends; those that should have been sent count as well.
#[test]
fn a_stall_is_seen_by_all_who_would_have_met_it() {
    let liar = Liar::start(Behaviour::StallOnce {
        after: Duration::from_secs(1),
        for_: Duration::from_secs(1),
    });
    // At the stall 4 messages of 3000 are in flight, and 1000 become due.
    let args = "-c 4 --pipeline 1 -r 1000 -d 3s";
    let measured = measure(&liar.host(), args, 0);
    let corrected = measured.figure("/latency/p99_us");
    let uncorrected = measured.figure("/latency_uncorrected/p99_us");
    let output = &measured.output;
    assert!(corrected >= 500_000.0, "{corrected} µs in {output}");
    assert!(
        corrected >= 10.0 * uncorrected,
        "{corrected} µs and {uncorrected} µs in {output}"
    );
    assert!(measured.figure("/schedule_lag/max_us") >= 500_000.0);
}

#[test]
#[ignore = "measures: cargo test -p e2e -- --ignored a_known_delay --test-threads 1"]
fn a_known_delay_is_measured() {
    let liar = Liar::start(Behaviour::Delay(Duration::from_millis(5)));
    for pipeline in [1, 8] {
        // One connection: the delays of several spin for the same processors.
        let args = format!("-c 1 -n {} --pipeline {pipeline}", 500 * pipeline);
        let measured = measure(&liar.host(), &args, 0);
        let p50 = measured.figure("/latency/p50_us");
        assert!((5000.0..5150.0).contains(&p50), "{p50} µs");
    }
}

/// Far more in flight than all buffers hold.
#[test]
fn full_buffers_are_no_deadlock() {
    let liar = Liar::start(Behaviour::TinyBuffer);
    for mode in ["", "--raw"] {
        for (size, messages) in [(1, 2000), (1000, 1000), (65_536, 200)] {
            let args = format!("{mode} -c 2 --pipeline 64 -s {size} -n {messages}");
            let measured = measure(&liar.host(), &args, 0);
            assert_eq!(measured.count("/messages/replies"), messages);
        }
    }
}

#[test]
fn a_missed_expectation_is_named() {
    let server = Server::start(&[]);
    let args = "-c 2 -n 100 --expect p99<1ns";
    let measured = measure(&server.host(), args, 3);
    assert_eq!(measured.at("/expectations/0/text"), "p99<1ns");
    assert_eq!(measured.at("/expectations/0/met"), false);
    let _ = measured.output.expect_stderr("p99<1ns");

    let args = "-c 2 -n 100 --expect errors=0 --expect qps>1";
    let measured = measure(&server.host(), args, 0);
    assert_eq!(measured.at("/expectations/0/met"), true);
    assert_eq!(measured.at("/expectations/1/met"), true);
}

#[test]
fn a_failure_outweighs_a_missed_expectation() {
    let liar = Liar::start(Behaviour::WrongByte { from: 10 });
    let args = "-c 1 -n 20 --expect errors=0";
    let measured = measure(&liar.host(), args, 1);
    assert_eq!(measured.at("/expectations/0/met"), false);
}

#[test]
fn every_value_is_checked() {
    for (name, values) in [
        ("rate", &["0", "-1", "x"][..]),
        ("pipeline", &["0", "-1", "x"]),
        ("entropy", &["2", "-1", "x"]),
        ("size", &["0", "0..64", "4k..64", "64..", "64,,4k"]),
        ("seed", &["-1", "x"]),
        ("warmup", &["5", "x"]),
        ("ramp", &["5", "x"]),
        ("expect", &["nonsense", "p99", "p99<", "p99<fast"]),
    ] {
        for value in values {
            assert_usage_error("bench-client", &[&format!("--{name}={value}")], name);
        }
    }
}
