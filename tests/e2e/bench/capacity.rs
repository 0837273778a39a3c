//! `bench-client capacity`: the highest rate at which expectations hold.

use std::{io, net::TcpListener, process::Command, thread};

use serde_json::Value;

use testkit::{Process, ServerProcess, assert_usage_error, program, run};

#[test]
fn its_values_are_checked() {
    for (args, named) in [
        (&["--from=1k"][..], "slo"),
        (&["--slo=p99<5"], "unit"),
        (&["--slo=p99<5ms", "--from=2k", "--to=1k"], "--to"),
        (&["--slo=p99<5ms", "--from=0"], "from"),
        (&["--slo=p99<5ms", "--rate=1"], "--rate"),
        (&["--slo=p99<5ms", "--arrivals=x"], "--arrivals"),
        (&["--slo=p99<5ms", "--report=-"], "--report: - stands for"),
        (
            &["--slo=p99<5ms", "--json=x", "--report=x"],
            "--json and --report both name x",
        ),
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

/// A server that is gone after the first probe.
#[test]
fn a_lost_server_ends_it_with_partial_results() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let server = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        drop(listener);
        io::copy(&mut &stream, &mut &stream)
    });
    let args = "capacity --slo p50<10s -c 1 -d 200ms --warmup 0s --from 50 --json -";
    let args: Vec<&str> = args.split(' ').chain(["-h", &host]).collect();
    let output = run("bench-client", &args).expect_code(1);
    let output = output.expect_stderr("cannot connect to ");
    let report: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(report["probes"].as_array().unwrap().len(), 1, "{output}");
    assert_eq!(report["answer"], Value::Null, "{output}");
    let _ = server.join().unwrap();
}

#[test]
fn a_signal_ends_it_with_partial_results() {
    let server = ServerProcess::start(&[]);
    let host = server.host();
    let args = ["capacity", "-h", &host, "--slo", "p50<10s", "--from", "20"];
    let mut process = Process::start(Command::new(program("bench-client")).args(args));
    let _ = process.wait_for_stderr(" met");
    process.signal("INT");
    let output = process.wait().expect_code(1);
    let output = output.expect_stderr("interrupted after ");
    assert!(output.stdout.contains("not known: interrupted"), "{output}");
}
