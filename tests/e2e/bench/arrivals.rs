//! `bench-client --arrivals poisson`: due times and actual sends.

use std::time::Duration;

use testkit::{Behaviour, Liar, ServerProcess, assert_usage_error, measured::measure};

#[test]
fn messages_are_sent_as_they_are_due() {
    let server = ServerProcess::start(&[]);
    // A gap of 200 ms on each connection: the machine adds little.
    let args = "-c 40 -r 200 -d 3s --pipeline 64 --arrivals poisson --seed 3";
    let measured = measure(&server.host(), args, 0);
    let replies = measured.count("/messages/replies");
    // 600 with a standard deviation of 24.
    assert!((480..=720).contains(&replies), "{replies}");
    assert!(measured.count("/arrivals/gaps") >= 400);
    let distance = measured.figure("/arrivals/ks_statistic");
    assert!(distance < 0.15, "{distance} in {}", measured.output);
    assert_eq!(measured.at("/arguments/arrivals"), "poisson");
}

/// With one in flight, a slow server delays each send until the previous reply,
/// whatever is due.
#[test]
fn delayed_messages_are_detected() {
    let liar = Liar::start(Behaviour::Delay(Duration::from_millis(20)));
    let args = "-c 4 -r 120 -d 3s --arrivals poisson";
    let measured = measure(&liar.host(), args, 0);
    let p = measured.figure("/arrivals/p_value");
    assert!(p < 0.001, "{p} in {}", measured.output);
    let reasons = measured.at("/verdict/reasons").to_string();
    assert!(
        reasons.contains("not sent as a Poisson process"),
        "{reasons}"
    );
}

#[test]
fn a_seed_repeats_the_due_times() {
    let server = ServerProcess::start(&[]);
    let due = |seed| {
        let args = format!("-c 2 -r 2000 -d 300ms --pipeline 64 --arrivals poisson --seed {seed}");
        let measured = measure(&server.host(), &args, 0);
        measured.count("/messages/sent") + measured.count("/messages/unsent")
    };
    let counts = [due(1), due(1), due(2), due(3), due(4)];
    assert_eq!(counts[0], counts[1]);
    assert!(counts.iter().any(|count| *count != counts[0]), "{counts:?}");
}

/// Far more than can be sent: all are counted, by their lateness.
#[test]
fn unsent_messages_are_counted() {
    let liar = Liar::start(Behaviour::Silent { from: 1 });
    let args = "-c 2 -r 50M -d 200ms --timeout 300ms --arrivals poisson";
    let measured = measure(&liar.host(), args, 1);
    let due = measured.count("/messages/sent") + measured.count("/messages/unsent");
    assert!((9_900_000..=10_100_000).contains(&due), "{due}");
    // Evenly late up to the end, at 200 ms.
    let median = measured.figure("/latency/p50_us");
    assert!((95_000.0..=105_000.0).contains(&median), "{median}");
}

#[test]
fn arrivals_take_a_rate() {
    for args in [
        &["--arrivals", "poisson"][..],
        &["--arrivals", "x", "-r", "1"],
    ] {
        assert_usage_error("bench-client", args, "--arrivals");
    }
}
