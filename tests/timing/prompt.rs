//! Reactions that must be fast, or once per second, on a machine that is not
//! busy.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use serde_json::Value;
use testkit::{
    ServerProcess, alone, descriptors,
    wire::{connect, frame, read_to_end},
};

#[test]
#[allow(clippy::print_stdout)] // The figures, with --nocapture.
fn too_large_is_refused_as_soon_as_byte_4_is_there() {
    let _alone = alone();
    let mut server = ServerProcess::start(&["-vv", "--max-frame", "1000"]);
    for header in [1001, 1 << 27, 1 << 28, 1 << 31, u32::MAX] {
        let mut times = [(); 21].map(|()| {
            let mut stream = connect(server.addr());
            let [beginning @ .., byte_4] = u32::to_be_bytes(header);
            stream.write_all(&beginning).unwrap();
            let _ = server.process().wait_for_stderr("inside a frame: true");
            let start = Instant::now();
            stream.write_all(&[byte_4]).unwrap();
            // This side sends no FIN: the server closes by itself.
            let (back, end) = read_to_end(&stream);
            assert!(back.is_empty() && end.is_ok());
            start.elapsed()
        });
        times.sort_unstable();
        let (median, worst) = (times[10], times[20]);
        println!("{header:#010x}: closed {median:?} after byte 4, {worst:?} at worst");
        assert!(
            median < Duration::from_millis(50),
            "{header:#010x}: {median:?}"
        );
    }
}

/// Connections that send nothing, or very little, or do not read.
#[test]
fn silent_and_slow_scrapers_delay_no_other() {
    let _alone = alone();
    let mut server = ServerProcess::start(&["--metrics", "127.0.0.1:0"]);
    let line = server.process().wait_for_stderr("metrics on http://");
    let (_, addr) = line.split_once("http://").unwrap();
    let addr = addr.trim_end_matches("/metrics").parse().unwrap();
    let silent: Vec<_> = (0..40)
        .map(|n| {
            let mut stream = connect(addr);
            if n % 2 == 0 {
                stream.write_all(b"GET /metr").unwrap();
            }
            stream
        })
        .collect();
    let start = Instant::now();
    let mut scrape = connect(addr);
    scrape
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    scrape.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("200 OK"), "{answer}");
    let after = start.elapsed();
    assert!(after < Duration::from_secs(1), "{after:?}");
    // They do not delay a stop either.
    let start = Instant::now();
    let _ = server.stop().expect_code(0);
    let after = start.elapsed();
    assert!(after < Duration::from_secs(1), "{after:?}");
    drop(silent);
}

/// A burst does not overflow the kernel's queue. If it does, a client waits for
/// its retransmission, at least 1 s.
#[test]
fn burst_of_4096_connects() {
    let _alone = alone();
    burst(4096);
}

#[test]
#[ignore = "needs 9000 descriptors: cargo test -p e2e -- --ignored burst"]
fn burst_of_8192_connects() {
    let _alone = alone();
    burst(8192);
}

fn burst(count: u32) {
    descriptors::allow(u64::from(count) + 500);
    let server = ServerProcess::start(&[]);
    let mut connections = Vec::new();
    let mut worst = Duration::ZERO;
    for _ in 0..count {
        let start = Instant::now();
        connections.push(TcpStream::connect(server.addr()).unwrap());
        worst = worst.max(start.elapsed());
    }
    assert!(worst < Duration::from_millis(900), "{worst:?}");
    for stream in &connections {
        (&*stream).write_all(&frame(b"x")).unwrap();
    }
    let _ = server
        .stop()
        .expect_code(0)
        .expect_stat("accepted", count.into())
        .expect_stat("frames", count.into());
}

#[test]
fn statistics_come_every_second() {
    let _alone = alone();
    let mut server = ServerProcess::start(&[]);
    let mut next = || -> Value {
        let line = server.process().wait_for_stdout("\"accepted\"");
        serde_json::from_str(&line).unwrap()
    };
    let since = next()["elapsed_s"].as_f64().unwrap();
    for n in 1..=3 {
        let elapsed = next()["elapsed_s"].as_f64().unwrap() - since;
        let off = (elapsed - f64::from(n)).abs();
        assert!(off < 0.5, "line {n} after {elapsed} s");
    }
}
