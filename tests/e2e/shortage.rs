//! Promises P3 and P6: memory follows what arrives, also downwards, and a
//! machine that has none left is survived.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use e2e::{DEADLINE, Server};
use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::{
    memory,
    wire::{assert_serves, connect, frame, read_to_end},
};

/// In KiB, as `/proc` counts.
const MIB: u64 = 1 << 10;

#[test]
fn what_a_burst_took_is_given_back() {
    let mut server = Server::start(&[]);
    let streams: Vec<TcpStream> = (0..20).map(|_| connect(server.addr())).collect();
    let before = memory::of_server(&mut server, "VmRSS");
    let burst = frame(&vec![b'x'; 4 << 20]);
    thread::scope(|scope| {
        for mut stream in &streams {
            let burst = &burst;
            scope.spawn(move || {
                let sender = stream.try_clone().unwrap();
                scope.spawn(move || (&sender).write_all(burst).unwrap());
                let mut back = vec![0; burst.len()];
                stream.read_exact(&mut back).unwrap();
                assert!(back == *burst);
            });
        }
    });
    let peak = memory::of_server(&mut server, "VmHWM");
    assert!(peak > before + 60 * MIB, "{before} before, {peak} then");
    let start = Instant::now();
    while memory::of_server(&mut server, "VmRSS") > before + 20 * MIB {
        assert!(start.elapsed() < DEADLINE, "kept");
        thread::park_timeout(Duration::from_millis(20));
    }
    // It grows again for whoever comes back.
    for mut stream in streams {
        echo(&mut stream, &[b'y'; 10_000]).unwrap();
    }
}

/// Promise P6 for memory: where there is no more, whoever comes is closed and
/// those inside are served; once there is, so is the next.
#[test]
fn a_process_that_may_have_no_more_memory_survives() {
    let mut server = Server::start(&[]);
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
        let mut stream = connect(server.addr());
        match echo(&mut stream, b"hi") {
            Ok(()) => inside.push(stream),
            Err(_) => refused += 1,
        }
        assert!(inside.len() < 1000, "the limit does not hold");
    }
    let _ = server
        .process()
        .wait_for_stderr("left of the process's address space");
    assert!(!inside.is_empty());
    // Nor may a buffer grow; that ends its own connection only.
    let greedy = inside.pop().unwrap();
    let _ = (&greedy).write_all(&frame(&vec![b'x'; 100_000]));
    let _ = read_to_end(&greedy);
    for stream in &mut inside {
        echo(stream, b"still here").unwrap();
    }

    limit(None);
    assert_serves(server.addr());
    let output = server.stop().expect_code(0).expect_stderr("4 memory");
    assert!(!output.stderr.contains("panicked"), "{output}");
}

fn echo(stream: &mut TcpStream, payload: &[u8]) -> io::Result<()> {
    let bytes = frame(payload);
    stream.write_all(&bytes)?;
    let mut back = vec![0; bytes.len()];
    stream.read_exact(&mut back)?;
    assert_eq!(back, bytes);
    Ok(())
}
