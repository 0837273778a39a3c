//! More connections than the machine allows threads.

use std::{
    net::TcpStream,
    time::{Duration, Instant},
};

use testkit::{
    DEADLINE, ServerProcess, alone, descriptors,
    footprint::Footprint,
    wire::{assert_echoes, connect, echo, read_to_end},
};

/// Connections above the limit.
const SURPLUS: u64 = 200;

/// Connections that leave at the end, and how soon there must be room.
const LEAVING: usize = 100;
const SOON: Duration = Duration::from_secs(1);

/// More than one source address's ephemeral ports allow.
const TOO_MANY: u64 = 25_000;

#[test]
#[ignore = "16,000 threads and more descriptors: cargo test -p e2e -- --ignored faults"]
#[allow(clippy::print_stdout)] // The figures, with --nocapture.
fn faults_of_more_connections_than_threads() {
    let _alone = alone();
    // Descriptors must not be the limit: here and, inherited, in the server.
    descriptors::allow_most();
    let mut server = ServerProcess::start(&[]);
    let line = server.process().wait_for_stderr("INFO at most ");
    let (_, limit) = line.split_once("INFO at most ").unwrap();
    let (most, _) = limit.split_once(' ').unwrap();
    let most: u64 = most.parse().unwrap();
    assert!(!limit.contains("open files"), "ulimit -Hn is too low");
    assert!(most < TOO_MANY, "lower vm.max_map_count");
    let at_rest = Footprint::at_rest(&mut server);

    let start = Instant::now();
    let mut inside: Vec<TcpStream> = Vec::new();
    for _ in 0..most {
        let stream = connect(server.addr());
        assert_echoes(&stream, b"inside");
        inside.push(stream);
    }
    let full = start.elapsed();
    for _ in 0..SURPLUS {
        let (back, end) = read_to_end(&connect(server.addr()));
        assert!(back.is_empty() && end.is_ok(), "not closed: {end:?}");
    }
    for stream in &inside {
        assert_echoes(stream, b"still inside");
    }

    inside.truncate(inside.len() - LEAVING);
    let start = Instant::now();
    let mut refused = SURPLUS;
    let newcomer = loop {
        let stream = connect(server.addr());
        if echo(&stream, b"hi").is_ok() {
            break stream;
        }
        refused += 1;
        assert!(start.elapsed() < DEADLINE, "never served again");
    };
    let room_after = start.elapsed();
    println!("at most {limit}");
    println!("all {most} inside after {full:?}, {refused} refused");
    println!("serves the next {room_after:?} after {LEAVING} left");
    assert!(room_after < SOON, "{room_after:?}");

    drop((inside, newcomer));
    at_rest.assert_back(&mut server, DEADLINE, &limit);
    let clean = most + 2;
    let _ = server
        .stop()
        .expect_code(0)
        .expect_closed(&format!("{clean} clean, {refused} limit"));
}
