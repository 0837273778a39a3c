//! `bench-client`: figures that depend on time.

use std::time::Duration;

use testkit::{Behaviour, Liar, alone, certificates::Authority, measured::measure, openssl};

/// A stalled server receives no messages meanwhile, so few are slow from their
/// send; those that were due count as well.
#[test]
fn a_stall_counts_for_every_message_due_in_it() {
    let _alone = alone();
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
#[ignore = "measures: cargo test -p e2e -- --ignored a_known_delay"]
fn a_known_delay_is_measured() {
    let _alone = alone();
    let liar = Liar::start(Behaviour::Delay(Duration::from_millis(5)));
    for pipeline in [1, 8] {
        // One connection: the delays of several would spin on the same CPUs.
        let args = format!("-c 1 -n {} --pipeline {pipeline}", 500 * pipeline);
        let measured = measure(&liar.host(), &args, 0);
        let p50 = measured.figure("/latency/p50_us");
        assert!((5000.0..5150.0).contains(&p50), "{p50} µs");
    }
}

/// 50 messages per second for three seconds, with tickets in between.
#[test]
fn tickets_do_not_stall_an_open_loop() {
    let _alone = alone();
    let authority = Authority::new("authority");
    for version in ["TLSv1_2", "TLSv1_3"] {
        let Some(server) = openssl::serve(&authority, version) else {
            return;
        };
        let args = format!("--tls --tls-ca {} -c 5 -r 50 -d 3s", authority.file());
        let measured = measure(&server.host(), &args, 0);
        let replies = measured.count("/messages/replies_in_window");
        assert!((145..=150).contains(&replies), "{version}: {replies}");
    }
}
