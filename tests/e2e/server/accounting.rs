//! Promise P8: accepted = closed, by reason, + live.

use std::{
    fs,
    io::{Read, Write, pipe},
    process::Command,
    thread,
    time::Duration,
};

use serde_json::Value;
use socket2::SockRef;
use testkit::{
    Process, ServerProcess, program, run,
    wire::{assert_echoes, connect, exchange, frame, read_to_end},
};

/// Parses one line of stats and checks that it adds up.
#[track_caller]
fn parse(line: &str) -> Value {
    let object: Value = serde_json::from_str(line).unwrap();
    let closed = object["closed"].as_object().unwrap();
    let closed: u64 = closed.values().map(|count| count.as_u64().unwrap()).sum();
    let alive = object["live"].as_u64().unwrap();
    assert_eq!(object["accepted"], closed + alive, "{line}");
    object
}

#[test]
fn a_mix_of_endings_adds_up() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("stats.jsonl");
    let mut server = ServerProcess::start(&["-v", "--stats", file.to_str().unwrap()]);
    let stays = connect(server.addr());
    assert_echoes(&stays, b"hi");
    for _ in 0..3 {
        let _ = exchange(server.addr(), &frame(b"clean"));
        let _ = server.process().wait_for_stderr("connection closed by");
    }
    for _ in 0..2 {
        let _ = exchange(server.addr(), &frame(b"truncated")[..7]);
        let _ = server.process().wait_for_stderr("truncated");
    }
    for (bytes, why) in [
        (&0x0fff_ffff_u32.to_be_bytes()[..], "exceeds the limit"),
        (&0x2000_0000_u32.to_be_bytes()[..], "reserved flag"),
        (b"\x80\0\0\x08whatever", "bad checksum"),
        (b"\x40\0\0\x05\0\0\0\x04\xff", "bad compression"),
    ] {
        let _ = exchange(server.addr(), bytes);
        let _ = server.process().wait_for_stderr(why);
    }
    let resets = connect(server.addr());
    assert_echoes(&resets, b"hi");
    let linger = Some(Duration::ZERO);
    SockRef::from(&resets).set_linger(linger).unwrap();
    drop(resets);
    let _ = server.process().wait_for_stderr("connection lost from");

    let _ = server.stop().expect_code(0);
    let lines = fs::read_to_string(file).unwrap();
    let all: Vec<Value> = lines.lines().map(parse).collect();
    let last = all.last().unwrap();
    assert_eq!((&last["accepted"], &last["live"]), (&11.into(), &0.into()));
    assert_eq!((&last["frames"], &last["bytes"]), (&5.into(), &39.into()));
    let mut closed = last["closed"].as_object().unwrap().clone();
    closed.retain(|_, count| *count != 0);
    let expected = serde_json::json!({
        "clean": 3, "truncated": 2, "too_large": 1, "bad_header": 1, "bad_checksum": 1,
        "bad_compression": 1, "reset": 1, "shutdown": 1,
    });
    assert_eq!(Value::from(closed), expected);
}

/// A stdout that is full and not drained, or closed, affects no connection, and
/// deadlines hold.
#[test]
fn stats_need_no_reader() {
    for is_closed in [false, true] {
        let (mut reader, mut writer) = pipe().unwrap();
        let mut command = Command::new(program("echo-server"));
        command.args(["--listen", "127.0.0.1:0", "--stats", "-"]);
        command.args(["--idle-timeout", "1500ms"]);
        let stdout = writer.try_clone().unwrap();
        let mut process = Process::start_with_stdout(&mut command, stdout);
        let mut line = Vec::new();
        let mut byte = [0];
        while reader.read(&mut byte).unwrap() == 1 && byte != *b"\n" {
            line.push(byte[0]);
        }
        let line = String::from_utf8(line).unwrap();
        let host = line.strip_prefix("listening on ").unwrap();

        let reader = if is_closed {
            drop(reader);
            None
        } else {
            // The capacity of a pipe on Linux (pipe(7)).
            thread::spawn(move || writer.write_all(&vec![b'x'; 65_536]));
            Some(reader)
        };
        let stream = connect(host.parse().unwrap());
        assert_echoes(&stream, b"hi");
        let (_, end) = read_to_end(&stream);
        end.unwrap();
        let _ = process.wait_for_stderr("longer than --idle-timeout");
        let _ = run("echo-client", &["-h", host]).expect_code(0);
        process.signal("TERM");
        let _ = process.wait().expect_code(0);
        drop(reader);
    }
}

/// A frame that its peer never reads is partly written and does not count as
/// echoed.
#[test]
fn a_partly_written_frame_does_not_count() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("stats.jsonl");
    let args = ["--write-timeout", "600ms", "--max-frame", "64MiB"];
    let stats = ["--stats", file.to_str().unwrap()];
    let mut server = ServerProcess::start(&[&args[..], &stats].concat());
    let mut stream = connect(server.addr());
    stream.write_all(&frame(b"whole")).unwrap();
    stream.write_all(&frame(&vec![b'x'; 32 << 20])).unwrap();
    let _ = server
        .process()
        .wait_for_stderr("longer than --write-timeout");
    let _ = server.stop().expect_code(0);
    let lines = fs::read_to_string(file).unwrap();
    let last = parse(lines.lines().last().unwrap());
    assert_eq!(
        (&last["frames"], &last["payload_bytes"]),
        (&1.into(), &5.into())
    );
    let bytes = last["bytes"].as_u64().unwrap();
    assert!((10..32 << 20).contains(&bytes), "{bytes}");
}
