//! `bench-client --until`: as long as it takes.

use testkit::{
    ServerProcess, assert_usage_error,
    measured::{measure, start},
};

#[test]
fn what_is_not_reached_is_missed() {
    let server = ServerProcess::start(&[]);
    let args = "-c 2 -r 200 -d 4s --until p99+-0.01%";
    let measured = measure(&server.host(), args, 3);
    assert_eq!(measured.at("/precision/reached"), false);
    assert_eq!(measured.at("/arguments/until"), "p99+-0.01%");
    let _ = measured.output.expect_stderr("p99+-0.01% not reached");
}

/// An open loop keeps its rate: the first look finds that out.
#[test]
fn a_run_ends_when_its_figure_is_known() {
    let server = ServerProcess::start(&[]);
    let args = "-c 2 -r 100 --until throughput±20%";
    let measured = testkit::measured::MeasuredRun::of(start(&server.host(), args), 0);
    assert_eq!(measured.at("/precision/reached"), true);
    assert_eq!(measured.at("/arguments/duration_s"), 600.0);
    let elapsed = measured.figure("/elapsed_s");
    assert!((19.9..120.0).contains(&elapsed), "{elapsed}");
    let (low, high) = ("/precision/low", "/precision/high");
    let throughput = measured.figure("/throughput");
    assert!(measured.figure(low) <= throughput && throughput <= measured.figure(high));
    assert_eq!(measured.at("/interrupted"), false);
}

#[test]
fn figures_are_checked() {
    for value in ["throughput", "max±2%", "p99±2", "p99±0%"] {
        assert_usage_error("bench-client", &["--until", value], "--until");
    }
}
