//! `bench-client`: whether its figures are right.

use testkit::{Behaviour, Liar, ServerProcess, assert_usage_error, measured::measure};

#[test]
fn counts_add_up() {
    let server = ServerProcess::start(&[]);
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
    let server = ServerProcess::start(&[]);
    let measured = measure(&server.host(), "-c 1 -n 1", 0);
    assert_eq!(measured.count("/messages/replies"), 1);
    assert_eq!(measured.replies(), [1]);
}

#[test]
fn a_seed_repeats_its_sizes() {
    let server = ServerProcess::start(&[]);
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
    let server = ServerProcess::start(&[]);
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
