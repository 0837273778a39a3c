//! When the machine runs out of something.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use e2e::Server;
use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::wire::{connect, frame};

/// Row R6: out of descriptors, the server neither ends nor spins, those it has
/// are served, and the others once there is room again.
#[test]
fn descriptors() {
    let mut server = Server::start(&[]);
    // It computed its own limit from another one at its start.
    let id = Pid::from_raw(server.process().id().try_into().unwrap());
    let few = Rlimit {
        current: Some(30),
        maximum: Some(30),
    };
    prlimit(id, Resource::Nofile, few).unwrap();
    let echo = |mut stream: &TcpStream| {
        stream.write_all(&frame(b"hi")).unwrap();
        let mut back = [0; 6];
        stream.read_exact(&mut back).unwrap();
        assert_eq!(back, *frame(b"hi"));
    };

    let mut streams: Vec<TcpStream> = (0..60).map(|_| connect(server.addr())).collect();
    let _ = server
        .process()
        .wait_for_stderr("ERROR accept failed: Too many open files");
    echo(&streams[0]);

    let before = cpu_time(server.process().id());
    let since = Instant::now();
    while since.elapsed() < Duration::from_millis(500) {
        echo(&streams[0]);
        std::thread::park_timeout(Duration::from_millis(20));
    }
    let used = cpu_time(server.process().id()).saturating_sub(before);
    assert!(
        used < Duration::from_millis(100),
        "spins: {used:?} of CPU in 0.5 s"
    );

    // Room for the last ones, which have waited since they connected.
    let last = streams.split_off(40);
    drop(streams);
    last.iter().for_each(echo);
    let _ = server.stop().expect_code(0).expect_stderr("60 connections");
}

/// CPU time of a process so far, from `/proc/PID/stat` (proc(5)), in ticks of
/// 10 ms.
fn cpu_time(id: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    // Fields are counted behind the command's name, which may hold anything.
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}
