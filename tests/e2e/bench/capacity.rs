//! `bench-client capacity`: the highest rate at which expectations hold.

use std::process::Command;

use testkit::{Process, Server, assert_usage_error, program, run};

#[test]
fn its_values_are_checked() {
    for (args, named) in [
        (&["--from=1k"][..], "slo"),
        (&["--slo=p99<5"], "unit"),
        (&["--slo=p99<5ms", "--from=2k", "--to=1k"], "--to"),
        (&["--slo=p99<5ms", "--from=0"], "from"),
        (&["--slo=p99<5ms", "--rate=1"], "--rate"),
    ] {
        let args: Vec<&str> = [&["capacity"], args].concat();
        assert_usage_error("bench-client", &args, named);
    }
}

/// An expectation that no server meets.
#[test]
fn an_expectation_missed_at_the_lowest_rate_has_no_capacity() {
    let args = "capacity --with-server --slo p50<1ns -c 1 -d 200ms --warmup 0s --from 50";
    let args: Vec<&str> = args.split(' ').collect();
    let output = run("bench-client", &args).expect_code(1);
    let output = output.expect_stderr("below 50.0/s, the lowest rate to try");
    assert!(output.stdout.contains("p50<1ns missed: "), "{output}");
}

#[test]
fn a_signal_ends_it_with_partial_results() {
    let server = Server::start(&[]);
    let host = server.host();
    let args = ["capacity", "-h", &host, "--slo", "p50<10s", "--from", "20"];
    let mut process = Process::start(Command::new(program("bench-client")).args(args));
    let _ = process.wait_for_stderr(" met");
    process.signal("INT");
    let output = process.wait().expect_code(1);
    let output = output.expect_stderr("interrupted after ");
    assert!(output.stdout.contains("not known: interrupted"), "{output}");
}
