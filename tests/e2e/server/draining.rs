//! A stopping server loses no fully received frame, and resets no connection.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    sync::{
        Barrier,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use testkit::{
    ServerProcess,
    wire::{connect, frame, read_to_end, wait_until_refused},
};

/// No fully received frame is lost.
#[test]
fn received_frames_are_echoed_before_the_end() {
    for _ in 0..10 {
        let mut server = ServerProcess::start(&[]);
        let mut stream = connect(server.addr());
        let bytes: Vec<u8> = (0..100).flat_map(|_| frame(&[b'x'; 1000])).collect();
        stream.write_all(&bytes).unwrap();
        // The first reply proves that the server has the connection; the kernel
        // has received the rest.
        let mut back = vec![0; 1004];
        stream.read_exact(&mut back).unwrap();
        server.process().signal("TERM");
        let (rest, end) = read_to_end(&stream);
        back.extend(rest);
        end.unwrap();
        assert!(back == bytes, "{} of {} bytes", back.len(), bytes.len());
        let _ = server.wait().expect_code(0);
    }
}

/// Frames written before the signal are echoed, and so is every frame that the
/// server counts.
#[test]
fn no_frame_is_lost_under_load() {
    stop_under_load(5);
}

#[test]
#[ignore = "half a minute: cargo test -p e2e -- --ignored faults"]
fn faults_of_fifty_stops_under_load() {
    stop_under_load(50);
}

fn stop_under_load(runs: usize) {
    const CLIENTS: usize = 8;
    const IN_FLIGHT: u64 = 16;

    for _ in 0..runs {
        // A client that reads needs no drain time.
        let server = ServerProcess::start(&["--drain", "1h"]);
        let addr = server.addr();
        let is_signalled = AtomicBool::new(false);
        let warm = Barrier::new(CLIENTS + 1);
        let echoed = AtomicU64::new(0);
        let output = thread::scope(|scope| {
            for _ in 0..CLIENTS {
                scope.spawn(|| {
                    let mut stream = connect(addr);
                    let bytes = frame(&[b'x'; 100]);
                    let mut reply = vec![0; bytes.len()];
                    let (mut sent, mut due, mut back) = (0, 0, 0_u64);
                    loop {
                        let written = stream.write_all(&bytes);
                        sent += 1;
                        // In this order: if it is not raised yet, the write was
                        // before.
                        if written.is_ok() && !is_signalled.load(Ordering::SeqCst) {
                            due = sent;
                        }
                        if sent < IN_FLIGHT {
                            continue;
                        }
                        if stream.read_exact(&mut reply).is_err() {
                            break;
                        }
                        assert_eq!(reply, bytes);
                        back += 1;
                        if back == 100 {
                            warm.wait();
                        }
                    }
                    assert!(back >= due, "{back} of {due} frames");
                    echoed.fetch_add(back, Ordering::SeqCst);
                });
            }
            warm.wait();
            is_signalled.store(true, Ordering::SeqCst);
            server.stop().expect_code(0)
        });
        let _ = output
            .expect_stat("accepted", 8)
            .expect_stat("frames", echoed.into_inner());
    }
}

/// A server that is blocked by a slow reader while more frames are in its
/// receive queue echoes all of them.
#[test]
#[cfg(target_os = "linux")]
fn frames_behind_a_slow_reader_are_echoed_before_the_end() {
    let mut server = ServerProcess::start(&[]);
    let stream = connect(server.addr());
    // Less than any receive buffer holds.
    let lump: Vec<u8> = (0..40).flat_map(|_| frame(&[b'x'; 1000])).collect();
    let mut sent = Vec::new();
    while is_read_soon(server.addr(), stream.local_addr().unwrap()) {
        (&stream).write_all(&lump).unwrap();
        sent.extend_from_slice(&lump);
    }
    server.process().signal("TERM");
    wait_until_refused(server.addr());
    let (back, end) = read_to_end(&stream);
    assert!(back == sent, "{} of {} bytes", back.len(), sent.len());
    end.unwrap();
    let _ = server.wait().expect_code(0);
}

/// A client that keeps sending and was slow to read gets every frame that the
/// server counts, and then the end.
#[test]
fn a_client_that_keeps_sending_gets_its_echoes() {
    let mut server = ServerProcess::start(&[]);
    let stream = connect(server.addr());
    let lump: Vec<u8> = (0..100).flat_map(|_| frame(&[b'x'; 1000])).collect();
    let taken = AtomicUsize::new(0);
    let back = thread::scope(|scope| {
        let sending = scope.spawn(|| {
            // Until this side closes, after it has read the end.
            while let Ok(n) = (&stream).write(&lump[taken.load(Ordering::SeqCst) % lump.len()..]) {
                taken.fetch_add(n, Ordering::SeqCst);
            }
        });
        // Nothing is read, so all transfers stop eventually.
        let mut still = (0, Instant::now());
        while still.1.elapsed() < Duration::from_millis(300) {
            let now = taken.load(Ordering::SeqCst);
            if now != still.0 {
                still = (now, Instant::now());
            }
            thread::sleep(Duration::from_millis(5));
        }
        server.process().signal("TERM");
        wait_until_refused(server.addr());
        let (back, end) = read_to_end(&stream);
        end.unwrap();
        stream.shutdown(Shutdown::Both).unwrap();
        sending.join().unwrap();
        back
    });
    assert_eq!(back.len() % 1004, 0, "a frame is cut");
    let _ = server
        .wait()
        .expect_code(0)
        .expect_stat("frames", back.len() as u64 / 1004);
}

/// Whether the server's receive queue for a client drains within 50 ms, from
/// `/proc/net/tcp` (proc(5)).
#[cfg(target_os = "linux")]
fn is_read_soon(server: std::net::SocketAddr, client: std::net::SocketAddr) -> bool {
    let ports = [server.port(), client.port()].map(|port| format!(":{port:04X}"));
    let queued = || {
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
        table.lines().any(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            fields[1].ends_with(&ports[0])
                && fields[2].ends_with(&ports[1])
                && !fields[4].ends_with(":00000000")
        })
    };
    let deadline = Instant::now() + Duration::from_millis(50);
    while queued() {
        if Instant::now() >= deadline {
            return false;
        }
    }
    true
}

/// Clients in the kernel's queue are already connected. Their messages are
/// echoed, and all get a clean end, no reset.
#[test]
fn queued_clients_are_served() {
    let mut server = ServerProcess::start(&[]);
    server.process().signal("STOP");
    let queued: Vec<TcpStream> = (0..150).map(|_| connect(server.addr())).collect();
    let (speaking, silent) = queued.split_at(100);
    for mut stream in speaking {
        stream.write_all(&frame(b"queued")).unwrap();
    }
    server.process().signal("TERM");
    server.process().signal("CONT");
    for stream in speaking {
        let (back, end) = read_to_end(stream);
        assert_eq!(back, frame(b"queued"));
        end.unwrap();
    }
    for stream in silent {
        let (back, end) = read_to_end(stream);
        assert!(back.is_empty());
        end.unwrap();
    }
    drop(queued);
    let _ = server
        .wait()
        .expect_code(0)
        .expect_stat("accepted", 150)
        .expect_stat("frames", 100);
}
