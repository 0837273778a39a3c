//! Resource exhaustion.

use std::{
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use testkit::{
    ServerProcess, alone,
    wire::{assert_echoes, connect},
};

/// Out of descriptors, the server neither ends nor spins; existing connections
/// are served, and the others once descriptors are free.
#[test]
fn descriptors() {
    let _alone = alone();
    let exhausted = exhaust_descriptors(Duration::from_millis(500), Duration::from_millis(20));
    let used = exhausted.cpu_time;
    assert!(used < Duration::from_millis(100), "spins: {used:?} of CPU");
}

#[test]
#[ignore = "a minute: cargo test -p e2e -- --ignored faults"]
#[allow(clippy::print_stdout)] // The figures, with --nocapture.
fn faults_of_a_minute_without_descriptors() {
    let _alone = alone();
    let minute = Duration::from_mins(1);
    let exhausted = exhaust_descriptors(minute, Duration::from_secs(1));
    let cpu = exhausted.cpu_time.as_secs_f64() / minute.as_secs_f64();
    let served = exhausted.served_after;
    println!("{:.2} % of a processor for {minute:?}", 100.0 * cpu);
    println!("serves the first {served:?} after there is room");
    assert!(cpu <= 0.02, "spins: {cpu}");
    assert!(served <= Duration::from_secs(1), "{served:?}");
}

/// Measurements of a server that was out of descriptors.
struct Exhausted {
    /// CPU time of all its threads meanwhile.
    cpu_time: Duration,
    /// From free descriptors to the first echo for a waiting client.
    served_after: Duration,
}

/// Exhausts a server's descriptors for `lasting`, while one of its connections
/// sends a frame every `interval`.
fn exhaust_descriptors(lasting: Duration, interval: Duration) -> Exhausted {
    let mut server = ServerProcess::start(&[]);
    // The server computed its own limit at start, from a higher one.
    let id = Pid::from_raw(server.process().id().try_into().unwrap());
    let few = Rlimit {
        current: Some(30),
        maximum: Some(30),
    };
    prlimit(id, Resource::Nofile, few).unwrap();

    let mut streams: Vec<TcpStream> = (0..60).map(|_| connect(server.addr())).collect();
    let _ = server
        .process()
        .wait_for_stderr("ERROR accept failed: Too many open files");
    assert_echoes(&streams[0], b"inside");

    let before = server.process().cpu_time();
    let since = Instant::now();
    while since.elapsed() < lasting {
        assert_echoes(&streams[0], b"still inside");
        thread::sleep(interval);
    }
    let cpu_time = server.process().cpu_time().saturating_sub(before);

    // Room for the waiting clients.
    let last = streams.split_off(40);
    let room = Instant::now();
    drop(streams);
    assert_echoes(&last[0], b"inside at last");
    let served_after = room.elapsed();
    for stream in &last {
        assert_echoes(stream, b"inside at last");
    }
    let _ = server.stop().expect_code(0).expect_stat("accepted", 60);
    Exhausted {
        cpu_time,
        served_after,
    }
}
