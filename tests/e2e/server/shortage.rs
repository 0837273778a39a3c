//! Promises P3 and P6: memory follows the bytes received, also downwards, and
//! the server survives a machine without memory.

use std::{io::Write, net::TcpStream, thread};

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use testkit::{
    ServerProcess, memory, wait_until,
    wire::{assert_echoes, assert_serves, connect, echo, frame, read_to_end, send_and_read_back},
};

/// In KiB, as `/proc` counts.
const MIB: u64 = 1 << 10;

#[test]
fn memory_of_a_burst_is_returned() {
    assert_given_back(20, 4 << 20);
}

/// An allocator keeps blocks of such sizes while later ones are in use.
#[test]
fn memory_of_many_small_bursts_is_returned() {
    assert_given_back(500, 60_000);
}

/// Each of `connections` sends a frame at once and stays connected.
#[track_caller]
fn assert_given_back(connections: u64, size: usize) {
    let mut server = ServerProcess::start(&[]);
    let streams: Vec<TcpStream> = (0..connections)
        .map(|_| {
            let stream = connect(server.addr());
            assert_echoes(&stream, b"hi");
            stream
        })
        .collect();
    let before = memory::of_server(&mut server, "VmRSS");
    let burst = frame(&vec![b'x'; size]);
    thread::scope(|scope| {
        for stream in &streams {
            let burst = &burst;
            scope.spawn(move || send_and_read_back(stream, burst));
        }
    });
    let peak = memory::of_server(&mut server, "VmHWM");
    let taken = connections * (burst.len() as u64 >> 10);
    assert!(
        peak > before + taken * 3 / 4,
        "{before} before, {peak} then"
    );
    wait_until("given back", || {
        memory::of_server(&mut server, "VmRSS") <= before + 4 * MIB
    });
    // Buffers grow again for peers that send again.
    for stream in &streams {
        assert_echoes(stream, &[b'y'; 10_000]);
    }
}

/// Promise P6 for memory: at the limit, new clients are closed and existing
/// ones served; with memory available, so is the next.
#[test]
fn a_process_at_its_memory_limit_survives() {
    let mut server = ServerProcess::start(&[]);
    assert_serves(server.addr());
    let id = Pid::from_raw(server.process().id().try_into().unwrap());
    let limit = |bytes| {
        let soft = Rlimit {
            current: bytes,
            maximum: None,
        };
        prlimit(id, Resource::As, soft).unwrap();
    };
    let size = memory::of_server(&mut server, "VmSize") + 500 * MIB;
    limit(Some(size << 10));

    let mut inside = Vec::new();
    let mut refused = 0;
    while refused < 3 {
        let stream = connect(server.addr());
        match echo(&stream, b"hi") {
            Ok(()) => inside.push(stream),
            Err(_) => refused += 1,
        }
        assert!(inside.len() < 1000, "the limit does not hold");
    }
    let _ = server
        .process()
        .wait_for_stderr("left of the process's address space");
    assert!(!inside.is_empty());
    // A buffer must not grow either; that ends its own connection only.
    let greedy = inside.pop().unwrap();
    let _ = (&greedy).write_all(&frame(&vec![b'x'; 100_000]));
    let _ = read_to_end(&greedy);
    for stream in &inside {
        assert_echoes(stream, b"still here");
    }

    limit(None);
    assert_serves(server.addr());
    let output = server.stop().expect_code(0);
    assert_eq!(output.closed("memory"), 4, "{output}");
}
