//! Bytes that are not frames, and misbehaving peers.

use std::{
    io::Write,
    net::{Shutdown, TcpStream},
    time::{Duration, Instant},
};

use socket2::SockRef;
use testkit::{
    DEADLINE, ServerProcess, run,
    wire::{assert_refused, connect, exchange, frame},
};

const MAX: usize = 8 << 20;

#[test]
fn bad_headers_are_named_and_earlier_frames_echoed() {
    let mut server = ServerProcess::start(&["-v"]);
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

#[test]
fn other_protocols_are_named() {
    let mut server = ServerProcess::start(&["-v"]);
    for (bytes, speaks) in [
        (
            &b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..],
            "the peer speaks HTTP, not frames",
        ),
        (
            b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi",
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
    // Every four zero bytes are an empty frame.
    let zeros = [0; 4 * 1000 + 3];
    let reason = "truncated: closed after 3 of the header's 4 bytes";
    assert_refused(&mut server, &zeros, &zeros[..4 * 1000], reason);
}

/// With these seeds none is a frame, so nothing is echoed, and one log line
/// gives the reason.
#[test]
fn a_hundred_random_streams() {
    const STREAMS: usize = 100;

    let mut server = ServerProcess::start(&["-v"]);
    for seed in 0..STREAMS {
        let mut rng = fastrand::Rng::with_seed(seed as u64);
        let bytes: Vec<u8> = (0..64).map(|_| rng.u8(..)).collect();
        assert_eq!(exchange(server.addr(), &bytes), (vec![], true), "{seed}");
        let _ = server.process().wait_for_stderr(" closing 127.0.0.1:");
    }
    let output = server.stop().expect_code(0);
    let lines = output.stderr.matches(" closing 127.0.0.1:").count();
    assert_eq!(lines, STREAMS, "{output}");
}

#[test]
fn a_megabyte_of_noise_is_survived() {
    let server = ServerProcess::start(&[]);
    // xorshift64: the same noise in every run, 40 streams of it.
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
    let _ = server.stop().expect_code(0);
}

/// Empty frames do not cost a system call each.
#[test]
#[allow(clippy::print_stdout)] // The figures, with --nocapture.
fn empty_frames_are_echoed_together() {
    let server = ServerProcess::start(&[]);
    let bytes = vec![0; 16_384 * 4];
    // One write: the send buffer has room for it, or the kernel waits.
    assert_eq!(exchange(server.addr(), &bytes), (bytes, true));
    let output = server
        .stop()
        .expect_code(0)
        .expect_stat("accepted", 1)
        .expect_stat("frames", 16_384)
        .expect_stat("payload_bytes", 0)
        .expect_stat("bytes", 65_536);
    for calls in ["reads", "writes"] {
        let count = output.stat(calls);
        println!("16384 empty frames in {count} {calls}");
        assert!(count <= 32, "{output}");
    }
}

#[test]
fn vanished_clients_leave_nothing_behind() {
    // A leaked connection would keep the server running for that long.
    let mut server = ServerProcess::start(&["-v", "--drain", "1h"]);
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
    let _ = server.stop().expect_code(0).expect_stat("accepted", 50);
}

/// A refused peer that keeps sending is read for a limited time.
#[test]
fn a_refused_peer_cannot_keep_its_connection() {
    let server = ServerProcess::start(&[]);
    let mut stream = connect(server.addr());
    stream.write_all(&u32::MAX.to_be_bytes()).unwrap();
    let start = Instant::now();
    let chunk = [0; 4096];
    while stream.write_all(&chunk).is_ok() {
        assert!(start.elapsed() < DEADLINE, "still taken");
    }
    let _ = stream.shutdown(Shutdown::Both);
}
