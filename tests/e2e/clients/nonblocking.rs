//! Non-blocking standard streams, set so by a parent that shares them.

use std::{
    io::{PipeReader, PipeWriter, Read, Write, pipe},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use rustix::{
    fs::{OFlags, fcntl_getfl},
    io::{ioctl_fionbio, ioctl_fionread},
};
use testkit::{DEADLINE, Process, ServerProcess, program, pty::Terminal};

/// A pipe whose writing end does not block.
fn non_blocking() -> (PipeReader, PipeWriter) {
    let (reader, writer) = pipe().unwrap();
    ioctl_fionbio(&writer, true).unwrap();
    (reader, writer)
}

/// Reads a pipe to its end, after its content has not grown for a while: it is
/// full, or its writer has stopped.
#[track_caller]
fn read_late(mut reader: PipeReader) -> String {
    let start = Instant::now();
    let (mut held, mut unchanged) = (0, 0);
    while held == 0 || unchanged < 50 {
        assert!(start.elapsed() < DEADLINE, "{held} bytes in the pipe");
        thread::sleep(Duration::from_millis(2));
        let now = ioctl_fionread(&reader).unwrap();
        unchanged = if now == held { unchanged + 1 } else { 0 };
        held = now;
    }
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn echo_client_waits_for_stdout() {
    let server = ServerProcess::start(&[]);
    for pace in [&[][..], &["--no-wait"]] {
        let (reader, writer) = non_blocking();
        let mut command = Command::new(program("echo-client"));
        command
            .args(["-h", &server.host(), "-n", "20000"])
            .args(pace);
        let client = Process::start_with_stdout(&mut command, writer);
        // Its copy of the pipe would delay the end of the stream.
        drop(command);
        let text = read_late(reader);
        let _ = client.wait().expect_code(0);
        let mut lines = text.lines().zip(1..);
        assert!(lines.all(|(line, i)| line == format!("{i:<3} Hello World!")));
        assert_eq!(text.lines().count(), 20_000);
    }
}

#[test]
fn repl_client_waits_for_stdout() {
    let server = ServerProcess::start(&[]);
    let (reader, writer) = non_blocking();
    let mut command = Command::new(program("repl-client"));
    command.args(["-h", &server.host()]);
    let mut repl = Process::start_with_stdout(&mut command, writer);
    drop(command);
    let text = thread::spawn(move || read_late(reader));
    let line = "x".repeat(999) + "\n";
    repl.stdin()
        .write_all(line.repeat(1000).as_bytes())
        .unwrap();
    let _ = repl.wait().expect_code(0);
    assert!(text.join().unwrap() == line.repeat(1000));
}

/// The line editor reads and writes directly, by descriptor.
#[test]
fn a_terminal_is_waited_for_and_unchanged() {
    let server = ServerProcess::start(&[]);
    for term in ["xterm", "dumb"] {
        let mut command = Command::new(program("repl-client"));
        command.args(["-h", &server.host()]).env("TERM", term);
        let mut repl = Terminal::start_non_blocking(&mut command);
        repl.wait_for(">>> ");
        // The rest of a character arrives later.
        for keys in [b"caf\xc3", &b"\xa9\r"[..]] {
            repl.type_keys(keys);
            if term == "xterm" {
                repl.wait_until_read();
            }
        }
        repl.wait_for("\ncaf\u{e9}\r\n");
        repl.wait_for(">>> ");
        let flags = fcntl_getfl(repl.shared()).unwrap();
        assert!(flags.contains(OFlags::NONBLOCK));
        repl.type_keys("q\r");
        assert_eq!(repl.wait(), Some(0), "{term}");
    }
}
