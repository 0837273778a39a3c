//! Limits known at start: what exceeds them is refused, the rest is served.

use std::{io::Write, net::TcpStream};

use testkit::{
    ServerProcess, wait_until,
    wire::{assert_echoes, connect, echo, frame, read_to_end, send_and_read_back},
};

#[test]
fn the_machines_limit_is_logged_at_start() {
    let mut server = ServerProcess::start(&[]);
    let line = server.process().wait_for_stderr("INFO at most ");
    assert!(line.contains(" connections, limited by "), "{line}");
    assert!(
        line.ends_with("; at most 1 GiB for their buffers"),
        "{line}"
    );
    let line = server.process().wait_for_stderr("timeouts: ");
    let all = "idle 5 min, frame 30 s, write 30 s, handshake 10 s; drain 5 s";
    assert!(line.ends_with(all), "{line}");
    let if_asked_for = ["--max-connection-age", "1m", "--max-connection-bytes", "1k"];
    let mut server = ServerProcess::start(&if_asked_for);
    let all = "handshake 10 s, age 1 min, 1 KiB; drain 5 s";
    let _ = server.process().wait_for_stderr(all);
    let mut server = ServerProcess::start(&["--max-connections", "1000000000"]);
    let why = "--max-connections 1000000000 is more than ";
    let _ = server.process().wait_for_stderr(why);
}

/// A thread that does not fit aborts the process, so a limit counts before.
#[test]
#[cfg(target_os = "linux")]
fn the_limit_of_the_address_space_counts() {
    use std::process::Command;

    use testkit::{Process, program};

    let limited = |name: &str, args: &[&str]| {
        let mut shell = Command::new("sh");
        shell.args(["-c", "ulimit -v 600000; exec \"$0\" \"$@\""]);
        Process::start(shell.arg(program(name)).args(args))
    };
    let server = limited("echo-server", &["--listen", "127.0.0.1:0"]);
    let mut server = ServerProcess::announced_by(server);
    let line = server.process().wait_for_stderr("INFO at most ");
    let limit = " connections, limited by address space (ulimit -v)";
    assert!(line.contains(limit), "{line}");
    assert_echoes(&connect(server.addr()), b"hi");
    let host = server.host();
    for server in [&["-h", &host][..], &["--with-server"]] {
        let args = [server, &["-c", "200"]].concat();
        let output = limited("bench-client", &args).wait().expect_code(2);
        let _ = output.expect_stderr(limit);
    }
    let _ = server.stop().expect_code(0);
}

#[test]
fn one_connection_too_many_is_closed_at_once() {
    let mut server = ServerProcess::start(&["-v", "--max-connections", "3"]);
    let said = "at most 3 connections, limited by --max-connections";
    let _ = server.process().wait_for_stderr(said);
    let mut inside: Vec<TcpStream> = (0..3).map(|_| connect(server.addr())).collect();
    for stream in &inside {
        assert_echoes(stream, b"hi");
    }
    for _ in 0..2 {
        let (back, _) = read_to_end(&connect(server.addr()));
        assert!(back.is_empty());
    }
    let _ = server
        .process()
        .wait_for_stderr(": already at 3 connections, limited by --max-connections");
    for stream in &inside {
        assert_echoes(stream, b"hi");
    }

    // One leaves, which makes room for another.
    drop(inside.pop());
    let _ = server.process().wait_for_stderr("connection closed by");
    let mut refused = 2;
    wait_until("served again", || {
        let is_served = echo(&connect(server.addr()), b"hi").is_ok();
        refused += u64::from(!is_served);
        is_served
    });
    for stream in &inside {
        assert_echoes(stream, b"hi");
    }
    let output = server.stop().expect_code(0);
    assert_eq!(output.closed("limit"), refused, "{output}");
}

/// Promise P3, for all connections together: memory follows the bytes received,
/// up to the budget.
#[test]
fn the_connection_that_would_exceed_the_memory_is_ended() {
    let mut server = ServerProcess::start(&["--max-memory", "5MiB"]);
    let modest = connect(server.addr());
    assert_echoes(&modest, b"hi");
    // An announced length costs nothing.
    let announces = connect(server.addr());
    (&announces)
        .write_all(&0x0080_0000_u32.to_be_bytes())
        .unwrap();
    // Two frames that stay incomplete, each in a buffer that grows to 2 MiB.
    // Meanwhile the old 1 MiB still exists: there is room for one.
    let greedy: Vec<TcpStream> = (0..2).map(|_| connect(server.addr())).collect();
    for stream in &greedy {
        let mut part = frame(&vec![b'x'; 4 << 20]);
        part.truncate(1_500_000);
        // The server may refuse before it has everything.
        let _ = (&*stream).write_all(&part);
    }
    let line = server
        .process()
        .wait_for_stderr("would exceed --max-memory");
    assert!(line.contains("5 MiB for all connections"), "{line}");
    assert_echoes(&modest, b"hi");
    drop(greedy);
    // Released memory is available to others.
    let _ = server.process().wait_for_stderr("truncated: closed after");
    let large = connect(server.addr());
    send_and_read_back(&large, &frame(&vec![b'x'; 2_000_000]));
    let output = server.stop().expect_code(0);
    assert_eq!(output.closed("memory"), 1, "{output}");
}
