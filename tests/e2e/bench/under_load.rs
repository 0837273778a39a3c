//! `bench-client --load`: the same messages without and with a load beside them.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use serde_json::json;
use testkit::{
    ServerProcess, assert_usage_error,
    measured::{MeasuredRun, measure},
    wire::fake_server,
};

/// Reads a frame's payload; `None` at the end.
fn read_frame(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut header = [0; 4];
    stream.read_exact(&mut header).ok()?;
    let mut payload = vec![0; u32::from_be_bytes(header) as usize];
    stream.read_exact(&mut payload).ok()?;
    Some([&header[..], &payload].concat())
}

fn p50_us(measured: &MeasuredRun, part: &str) -> f64 {
    measured.figure(&format!("/under_load/{part}/latency/p50_us"))
}

#[test]
fn both_parts_are_measured() {
    for args in [
        "",
        " --raw",
        " --checksum --compress",
        " -r 400 --arrivals poisson",
        " --warmup 300ms",
    ] {
        let server = ServerProcess::start(if args == " --raw" { &["--raw"] } else { &[] });
        let args = format!("-c 2 -d 2s --load 3{args}");
        let measured = measure(&server.host(), &args, 0);
        assert_eq!(measured.count("/under_load/opened"), 3);
        assert_eq!(measured.at("/under_load/failures"), &json!({}));
        let moved = measured.figure("/under_load/bytes_per_s");
        assert!(moved > 1e5, "{moved} in {}", measured.output);
        let idle = measured.figure("/under_load/idle/elapsed_s");
        let loaded = measured.figure("/under_load/loaded/elapsed_s");
        assert!(
            (0.95..1.2).contains(&idle) && (0.7..0.95).contains(&loaded),
            "{idle} {loaded}"
        );
        let count = |part: &str| measured.count(&format!("/under_load/{part}/latency/count"));
        let (idle, loaded, all) = (
            count("idle"),
            count("loaded"),
            measured.count("/latency/count"),
        );
        assert!(
            idle > 50 && loaded > 50 && idle + loaded <= all,
            "{idle} {loaded} {all}"
        );
        assert_eq!(measured.count("/connections/opened"), 2);
    }
    // Parts need not end with a second.
    let server = ServerProcess::start(&[]);
    let measured = measure(&server.host(), "-c 1 -d 700ms --load 1", 0);
    let idle = measured.figure("/under_load/idle/elapsed_s");
    assert!((0.34..0.6).contains(&idle), "{idle}");
}

/// A server with one lock, which each bulk frame has for 20 ms.
#[test]
fn what_the_load_does_is_seen() {
    let lock = Arc::new(Mutex::new(()));
    let server = fake_server(move |mut stream| {
        while let Some(frame) = read_frame(&mut stream) {
            let _held = lock.lock().unwrap();
            if frame.len() > 60_000 {
                thread::sleep(Duration::from_millis(20));
            }
            if stream.write_all(&frame).is_err() {
                return;
            }
        }
    });
    let measured = measure(&server.to_string(), "-c 1 -d 3s --load 2", 0);
    let (idle, loaded) = (p50_us(&measured, "idle"), p50_us(&measured, "loaded"));
    assert!(idle < 5_000.0 && loaded > 10_000.0, "{idle} {loaded}");
    // 50 frames per second.
    let moved = measured.figure("/under_load/bytes_per_s");
    assert!((1e6..3.4e6).contains(&moved), "{moved}");
}

#[test]
fn a_load_that_fails_makes_the_run_suspect() {
    let server = fake_server(|mut stream| {
        while let Some(frame) = read_frame(&mut stream)
            && frame.len() < 60_000
            && stream.write_all(&frame).is_ok()
        {}
    });
    let measured = measure(&server.to_string(), "-c 1 -d 1s --load 2", 0);
    let failures = measured.at("/under_load/failures").as_object().unwrap();
    let failed: u64 = failures
        .values()
        .filter_map(serde_json::Value::as_u64)
        .sum();
    assert_eq!(failed, 2, "{}", measured.output);
    assert_eq!(measured.at("/failures"), &json!({}));
    let reasons = measured.at("/verdict/reasons").to_string();
    assert!(
        reasons.contains("connections of the load failed"),
        "{reasons}"
    );
}

#[test]
fn a_load_takes_a_duration() {
    for (args, what) in [
        ("--load 1", "--duration"),
        ("--load 1 -d 1s -n 5", "--requests"),
        ("--load 1 -d 1s --until p99±5%", "--until"),
        ("--load 0 -d 1s", "--load"),
        ("--load 99999999 -d 1s", "--connections and --load: "),
        (
            "--load 1 -d 1s --max-frame 1k",
            "--load against --max-frame",
        ),
    ] {
        assert_usage_error("bench-client", &args.split(' ').collect::<Vec<_>>(), what);
    }
}
