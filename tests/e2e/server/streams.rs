//! Frames split anywhere by TCP, and half-closed connections.

use std::{io::Write, net::Shutdown, thread, time::Instant};

use testkit::{
    ServerProcess,
    wire::{connect, exchange, frame, read_to_end},
};

#[test]
fn one_byte_per_segment() {
    let server = ServerProcess::start(&[]);
    let stream = connect(server.addr());
    let bytes = [frame(b"abc"), frame(b""), frame(b"hello")].concat();
    for byte in &bytes {
        // NODELAY is set: every write is a segment.
        (&stream).write_all(&[*byte]).unwrap();
    }
    stream.shutdown(Shutdown::Write).unwrap();
    let (back, end) = read_to_end(&stream);
    assert_eq!(back, bytes);
    end.unwrap();
}

/// Everything sent before the half-close is echoed, then the end.
#[test]
fn half_close_after_1_to_64_frames() {
    half_close(1);
}

#[test]
#[ignore = "10,000 connections: cargo test -p e2e -- --ignored faults"]
#[allow(clippy::print_stdout)] // The figures, with --nocapture.
fn faults_of_ten_thousand_half_closes() {
    let start = Instant::now();
    let runs = half_close(20);
    assert!(runs > 10_000);
    println!(
        "{runs} half-closes, every byte echoed: {:?}",
        start.elapsed()
    );
}

/// Half-closes after 1 to 64 frames, 4 clients at a time, `rounds` times with
/// each wire; returns the total.
fn half_close(rounds: usize) -> usize {
    let mut runs = 0;
    for mode in [&[][..], &["--raw"]] {
        let server = ServerProcess::start(mode);
        let addr = server.addr();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(move || {
                    for frames in (0..rounds).flat_map(|_| 1..=64) {
                        let bytes: Vec<u8> = (0..frames)
                            .flat_map(|len| frame(&vec![b'x'; len * 40]))
                            .collect();
                        let (back, clean) = exchange(addr, &bytes);
                        assert!(
                            back == bytes && clean,
                            "{frames} frames: {} of {} bytes, clean: {clean}",
                            back.len(),
                            bytes.len()
                        );
                    }
                });
            }
        });
        let connections = rounds * 4 * 64;
        let _ = server
            .stop()
            .expect_code(0)
            .expect_stat("accepted", connections as u64);
        runs += connections;
    }
    runs
}

#[test]
fn frames_of_every_size_in_one_stream() {
    let server = ServerProcess::start(&["--read-buffer", "1000"]);
    let sizes = [
        0,
        1,
        995,
        996,
        997,
        4092,
        4096,
        65_532,
        65_536,
        65_540,
        1 << 20,
        3,
        8 << 20,
        0,
    ];
    let pattern: Vec<u8> = (0..251).cycle().take(8 << 20).collect();
    let bytes: Vec<u8> = sizes
        .iter()
        .flat_map(|&size| frame(&pattern[..size]))
        .collect();
    let (back, clean) = exchange(server.addr(), &bytes);
    assert!(back == bytes && clean);
}
