//! What the server does with bytes that are no frames, and with rude peers.

use std::{
    io::Write,
    net::{Shutdown, TcpStream},
    time::{Duration, Instant},
};

use e2e::{Server, run};
use socket2::SockRef;

use crate::wire::{connect, exchange, frame};

const MAX: usize = 8 << 20;

/// Sends `bytes` to `server`, checks what comes back and that the server
/// still serves others, and waits for its one line about it.
#[track_caller]
pub(crate) fn assert_refused(server: &mut Server, bytes: &[u8], echoed: &[u8], reason: &str) {
    let (back, clean) = exchange(server.addr(), bytes);
    assert_eq!(back.len(), echoed.len(), "{reason}");
    assert!(back == echoed, "{reason}");
    assert!(clean, "reset instead of closed: {reason}");
    let line = server.process().wait_for_stderr(" WARN closing 127.0.0.1:");
    assert!(line.contains(reason), "{line}");
    let (back, _) = exchange(server.addr(), &frame(b"still there"));
    assert_eq!(back, frame(b"still there"));
}

#[test]
fn bad_headers_are_named_and_what_came_before_is_echoed() {
    let mut server = Server::start(&[]);
    let too_large = format!("frame of {} bytes exceeds the limit of {MAX}", MAX + 1);
    let header = u32::try_from(MAX + 1).unwrap().to_be_bytes();
    assert_refused(&mut server, &header, b"", &too_large);

    let good = [frame(b"one"), frame(b""), frame(b"two")].concat();
    assert_refused(
        &mut server,
        &[&good[..], &header].concat(),
        &good,
        &too_large,
    );

    // More than the server has read when it refuses: it must not reset.
    let more = vec![b'x'; 30_000];
    let bytes = [&good[..], &header, &more].concat();
    assert_refused(&mut server, &bytes, &good, &too_large);

    for (header, reason) in [
        (
            0x2000_0000_u32,
            "reserved flag bit 29 is set in header 0x20000000",
        ),
        (
            0x1000_0005,
            "reserved flag bit 28 is set in header 0x10000005",
        ),
        (
            0x8000_0003,
            "header 0x80000003 announces fewer bytes than its flags need",
        ),
        (
            0x8000_0008,
            "bad checksum: the frame says 0x65766572, its bytes give ",
        ),
        (
            0x4000_0008,
            "frame of 2003329396 bytes exceeds the limit of 8388608",
        ),
        (
            0xffff_ffff,
            "reserved flag bits 29 and 28 are set in header 0xffffffff",
        ),
    ] {
        let bytes = [&header.to_be_bytes()[..], b"whatever"].concat();
        assert_refused(&mut server, &bytes, b"", reason);
    }
}

/// Row F9.
#[test]
fn other_protocols_are_told_apart() {
    let mut server = Server::start(&[]);
    for (bytes, speaks) in [
        (
            &b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..],
            "the peer speaks HTTP, not frames",
        ),
        (
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            "the peer speaks TLS, not frames",
        ),
        (
            b"SSH-2.0-OpenSSH_9.6\r\n",
            "the peer speaks SSH, not frames",
        ),
    ] {
        assert_refused(&mut server, bytes, b"", speaks);
    }
}

#[test]
fn a_megabyte_of_noise_is_survived() {
    let server = Server::start(&[]);
    // xorshift64: the same noise at every run, and 40 streams of it.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..40 {
        let noise: Vec<u8> = (0..(1 << 20) / 8)
            .flat_map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state.to_be_bytes()
            })
            .collect();
        let (back, _) = exchange(server.addr(), &noise);
        assert!(noise.starts_with(&back), "something was made up");
    }
    let _ = run("echo-client", &["-h", &server.host(), "-n", "1"]).expect_code(0);
    let output = server.stop().expect_code(0);
    assert!(!output.stderr.contains("panicked"), "{output}");
}

/// Row F7: empty frames cost no system call each.
#[test]
fn empty_frames_are_echoed_together() {
    let server = Server::start(&[]);
    let bytes = vec![0; 16_384 * 4];
    assert_eq!(exchange(server.addr(), &bytes), (bytes, true));
    let output = server.stop().expect_code(0);
    assert!(
        output
            .stderr
            .contains("1 connections, 16384 frames, 65536 bytes for 0 of payload"),
        "{output}"
    );
    let reads = output
        .stderr
        .split(" reads, ")
        .next()
        .unwrap()
        .rsplit(' ')
        .next()
        .unwrap();
    let reads: u32 = reads.parse().unwrap();
    assert!(reads <= 32, "{reads} reads");
}

#[test]
fn clients_that_vanish_leave_nothing_behind() {
    let mut server = Server::start(&["-v"]);
    for _ in 0..50 {
        let stream: TcpStream = connect(server.addr());
        (&stream).write_all(&frame(&vec![7; 100_000])).unwrap();
        SockRef::from(&stream)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
        drop(stream);
    }
    for _ in 0..50 {
        let _ = server.process().wait_for_stderr("connection lost from");
    }
    let start = Instant::now();
    let _ = server.stop().expect_code(0).expect_stderr("50 connections");
    assert!(
        start.elapsed() < Duration::from_secs(4),
        "a connection was left"
    );
}

/// A peer that is refused and goes on sending is not read for ever.
#[test]
fn a_refused_peer_cannot_hold_its_connection() {
    let server = Server::start(&[]);
    let mut stream = connect(server.addr());
    stream.write_all(&u32::MAX.to_be_bytes()).unwrap();
    let start = Instant::now();
    let chunk = [0; 4096];
    while stream.write_all(&chunk).is_ok() {
        assert!(start.elapsed() < Duration::from_secs(20), "still taken");
    }
    let _ = stream.shutdown(Shutdown::Both);
}
