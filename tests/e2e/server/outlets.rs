//! A server whose stdout, log or statistics cannot be written.

use std::{
    io::{PipeReader, Write, pipe},
    net::{TcpListener, TcpStream},
    os::{fd::OwnedFd, unix::net::UnixDatagram},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use rustix::io::ioctl_fionbio;
use testkit::{
    DEADLINE, OutputLines, Process, ServerProcess, program, wait_until,
    wire::{assert_serves, connect, exchange, frame, read_to_end},
};

/// A listening server whose stderr is a full pipe, and the pipe's reading end:
/// closed, it would cause an error instead of a full pipe.
fn server_with_full_stderr(args: &[&str]) -> (ServerProcess, PipeReader) {
    let (reader, mut writer) = pipe().unwrap();
    ioctl_fionbio(&writer, true).unwrap();
    while writer.write(b"\n").is_ok() {}
    ioctl_fionbio(&writer, false).unwrap();
    let mut command = Command::new(program("echo-server"));
    command.args(["--listen", "127.0.0.1:0"]).args(args);
    let process = Process::start_with_stderr(&mut command, writer);
    (ServerProcess::announced_by(process), reader)
}

#[test]
fn a_full_stderr_does_not_affect_others() {
    let (server, _reader) = server_with_full_stderr(&[]);
    let refused = connect(server.addr());
    (&refused).write_all(&u32::MAX.to_be_bytes()).unwrap();
    // A second later the reporter logs, too.
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(1500) {
        assert_serves(server.addr());
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_full_stderr_does_not_affect_the_logged_connection() {
    let (server, _reader) = server_with_full_stderr(&["-v"]);
    for _ in 0..100 {
        let refused = connect(server.addr());
        (&refused).write_all(&u32::MAX.to_be_bytes()).unwrap();
        let (_, end) = read_to_end(&refused);
        assert!(end.is_ok(), "not closed: {end:?}");
        assert_serves(server.addr());
    }
}

/// The summary cannot be written, and does not delay the end.
#[test]
fn a_full_stderr_does_not_block_a_stop() {
    let (server, _reader) = server_with_full_stderr(&["-v", "--drain", "1h"]);
    assert_serves(server.addr());
    let _ = server.stop().expect_code(0);
}

/// Dropped lines are counted in the log once it is drained again, and the lines
/// that fit are complete.
#[test]
fn a_stderr_that_is_drained_late_has_the_count_of_dropped_lines() {
    let (server, reader) = server_with_full_stderr(&["-v"]);
    // Two lines of a thousand bytes each; the queue holds a megabyte.
    let message = frame(&[b'x'; 1000]).repeat(1000);
    let (back, _) = exchange(server.addr(), &message);
    assert!(back == message);
    let mut stderr = OutputLines::of(reader);
    assert!(stderr.wait_for("lines of the log dropped").is_some());
    let _ = server.stop().expect_code(0);
    let said = stderr.rest();
    let said = said.trim_start_matches('\n');
    let lost = said.split(" lines of the log dropped").next().unwrap();
    let lost: u64 = lost.rsplit(' ').next().unwrap().parse().unwrap();
    let messages = said.matches(" message: ").count() as u64;
    // Connect and disconnect lines are logged, too.
    assert!(
        (1998..=2002).contains(&(lost + messages)),
        "{lost} lost, {messages} shown"
    );
    assert!(said.contains("stopped after"), "{said}");
    let is_whole = |line: &str| line.starts_with("20") && line.contains("Z ");
    assert!(said.lines().all(is_whole), "a line in pieces");
}

#[test]
fn closed_streams() {
    // The port cannot be printed, so use one that was just free.
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = free.local_addr().unwrap();
    drop(free);
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "exec \"$0\" -v --listen \"$1\" <&- >&- 2>&-"])
        .arg(program("echo-server"))
        .arg(addr.to_string());
    let process = Process::start(&mut shell);
    wait_until("listening", || TcpStream::connect(addr).is_ok());
    assert_serves(addr);
    process.signal("TERM");
    let _ = process.wait().expect_code(0);
}

/// Stderr output to the same terminal or file must not split a line of stdout:
/// the line is one write, here one datagram.
#[test]
fn a_line_of_stdout_is_one_write() {
    let (ours, theirs) = UnixDatagram::pair().unwrap();
    ours.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut command = Command::new(program("echo-server"));
    command.args(["--listen", "127.0.0.1:0"]);
    let stdout = OwnedFd::from(theirs);
    let _server = Process::start_with_stdout(&mut command, stdout);
    let mut buf = [0; 100];
    let n = ours.recv(&mut buf).unwrap();
    let line = str::from_utf8(&buf[..n]).unwrap();
    assert!(line.starts_with("listening on 127.0.0.1:"), "{line}");
    assert!(line.ends_with('\n'), "{line:?}");
}
