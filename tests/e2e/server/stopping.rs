//! Requested stops.

use std::{
    io::{Write, pipe},
    net::TcpStream,
    process::Command,
};

use testkit::{
    Process, ServerProcess, program, run, wait_until,
    wire::{connect, fill, frame, read_to_end, wait_until_refused},
};

#[test]
fn sigterm_and_sigint_end_with_a_summary() {
    for signal in ["TERM", "INT"] {
        let mut server = ServerProcess::start(&["--drain", "1h"]);
        let idle = connect(server.addr());
        let _ = run("echo-client", &["-h", &server.host()]).expect_code(0);
        server.process().signal(signal);
        // The idle connection is closed, not reset, and delays nothing.
        let (back, end) = read_to_end(&idle);
        assert!(back.is_empty() && end.is_ok());
        let _ = server.process().wait_for_stderr("stopped after");
        // For people and for machines.
        let _ = server
            .wait()
            .expect_code(0)
            .expect_summary("connections", "2")
            .expect_summary("frames", "10")
            .expect_summary("wire", "200 bytes")
            .expect_summary("reads", "10")
            .expect_summary("closed", "1 clean, 1 shutdown")
            .expect_stat("accepted", 2)
            .expect_stat("frames", 10)
            .expect_stat("bytes", 200)
            .expect_closed("1 clean, 1 shutdown");
    }
}

#[test]
fn a_stopped_server_accepts_no_new_connection() {
    let server = ServerProcess::start(&[]);
    let addr = server.addr();
    let _ = server.stop().expect_code(0);
    assert!(TcpStream::connect(addr).is_err());
}

#[test]
fn a_second_signal_ends_at_once() {
    let mut server = ServerProcess::start(&["--drain", "1h"]);
    // A peer that sends and never reads keeps its connection busy.
    let stream = connect(server.addr());
    fill(&stream, &frame(&[b'x'; 1000]));
    server.process().signal("TERM");
    wait_until_refused(server.addr());
    server.process().signal("TERM");
    let output = server.wait();
    assert_eq!(output.code, Some(130), "{output}");
}

/// A closed stdout is not an error.
#[test]
fn stdout_needs_no_reader() {
    let closed = || pipe().unwrap().1;
    let server = ServerProcess::start(&[]);
    let host = server.host();
    for (client, args) in [
        ("echo-client", &["-n", "100000"][..]),
        ("bench-client", &["-n", "100"]),
        ("bench-client", &["--help"]),
    ] {
        let mut command = Command::new(program(client));
        command.args(["-h", &host]).args(args);
        let _ = Process::start_with_stdout(&mut command, closed())
            .wait()
            .expect_code(0);
    }
    let mut command = Command::new(program("repl-client"));
    let mut repl = Process::start_with_stdout(command.args(["-h", &host]), closed());
    repl.stdin().write_all(b"hello\n").unwrap();
    let _ = repl.wait().expect_code(0);

    // The server continues; with port 0 the port would be unknown, so use one
    // that was free a moment ago.
    let free = ServerProcess::start(&[]);
    let host = free.host();
    let _ = free.stop();
    let mut command = Command::new(program("echo-server"));
    let process = Process::start_with_stdout(command.args(["--listen", &host]), closed());
    wait_until("listening", || TcpStream::connect(&host).is_ok());
    let _ = run("echo-client", &["-h", &host]).expect_code(0);
    process.signal("TERM");
    let _ = process.wait().expect_code(0);
}

#[test]
fn a_listener_that_anyone_can_reach_is_announced() {
    let mut command = Command::new(program("echo-server"));
    let mut server = Process::start(command.args(["--listen", "0.0.0.0:0"]));
    let _ = server.wait_for_stdout("listening on 0.0.0.0:");
    let _ = server.wait_for_stderr("is not loopback: anyone who can reach it can use it");
    server.signal("TERM");
    let _ = server.wait().expect_code(0);
}

/// An IPv4 address as an IPv6 socket has it.
#[test]
#[cfg(target_os = "linux")]
fn a_mapped_loopback_address_is_loopback() {
    let mut command = Command::new(program("echo-server"));
    let mut server = Process::start(command.args(["--listen", "[::ffff:127.0.0.1]:0"]));
    let _ = server.wait_for_stderr("timeouts: ");
    server.signal("TERM");
    let output = server.wait().expect_code(0);
    assert!(!output.stderr.contains("not loopback"), "{output}");
}
