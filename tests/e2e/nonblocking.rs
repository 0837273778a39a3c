//! Standard streams that do not block, because a parent that shares them set
//! them so.

use std::{
    io::{PipeReader, PipeWriter, Read, pipe},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use e2e::{DEADLINE, Process, Server, program};
use rustix::io::{ioctl_fionbio, ioctl_fionread};

/// A pipe with one end, or the other, that does not block.
fn half_blocking(is_reader: bool) -> (PipeReader, PipeWriter) {
    let (reader, writer) = pipe().unwrap();
    if is_reader {
        ioctl_fionbio(&reader, true).unwrap();
    } else {
        ioctl_fionbio(&writer, true).unwrap();
    }
    (reader, writer)
}

/// Reads a pipe to its end, once nothing more has come into it for a while:
/// it is full then, or its writer has given up.
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
    let server = Server::start(&[]);
    for pace in [&[][..], &["--no-wait"]] {
        let (reader, writer) = half_blocking(false);
        let mut command = Command::new(program("echo-client"));
        command
            .args(["-h", &server.host(), "-n", "20000"])
            .args(pace);
        let client = Process::start_with_stdout(&mut command, writer);
        // Its copy of the pipe would keep the end from coming.
        drop(command);
        let text = read_late(reader);
        let _ = client.wait().expect_code(0);
        let mut lines = text.lines().zip(1..);
        assert!(lines.all(|(line, i)| line == format!("{i:<3} Hello World!")));
        assert_eq!(text.lines().count(), 20_000);
    }
}
