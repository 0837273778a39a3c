//! Ends that somebody asks for.

use std::{
    io::{Read, Write, pipe},
    net::{Shutdown, SocketAddr, TcpStream},
    process::Command,
    sync::{
        Barrier,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use e2e::{Process, Server, program, run};

use crate::wire::{connect, frame, read_to_end};

#[test]
fn sigterm_and_sigint_end_with_a_summary() {
    for signal in ["TERM", "INT"] {
        let mut server = Server::start(&[]);
        let idle = connect(server.addr());
        let _ = run("echo-client", &["-h", &server.host()]).expect_code(0);
        let start = Instant::now();
        server.process().signal(signal);
        // The idle connection is closed, not reset, and holds nothing up.
        let (back, end) = read_to_end(&idle);
        assert!(back.is_empty() && end.is_ok());
        let _ = server.process().wait_for_stderr("stopped after");
        assert!(start.elapsed() < Duration::from_secs(4));
        let _ = server
            .wait()
            .expect_code(0)
            .expect_stderr("2 connections, 10 frames, 200 bytes");
    }
}

/// Rows G2 and P7: no frame that had fully arrived is lost.
#[test]
fn what_has_arrived_is_echoed_before_the_end() {
    for _ in 0..10 {
        let mut server = Server::start(&[]);
        let mut stream = connect(server.addr());
        let bytes: Vec<u8> = (0..100).flat_map(|_| frame(&[b'x'; 1000])).collect();
        stream.write_all(&bytes).unwrap();
        // The first reply proves that the server has the connection; what the
        // kernel holds of the rest has arrived.
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

/// Rows G2 and P7 under load: what was written before the signal comes back,
/// and so does every frame that the server counts.
#[test]
fn no_frame_is_lost_under_load() {
    const CLIENTS: usize = 8;
    const IN_FLIGHT: usize = 16;

    for _ in 0..5 {
        let server = Server::start(&[]);
        let addr = server.addr();
        let is_signalled = AtomicBool::new(false);
        let warm = Barrier::new(CLIENTS + 1);
        let echoed = AtomicUsize::new(0);
        let output = thread::scope(|scope| {
            for _ in 0..CLIENTS {
                scope.spawn(|| {
                    let mut stream = connect(addr);
                    let bytes = frame(&[b'x'; 100]);
                    let mut reply = vec![0; bytes.len()];
                    let (mut sent, mut due, mut back) = (0, 0, 0);
                    loop {
                        let written = stream.write_all(&bytes);
                        sent += 1;
                        // In this order: not raised yet, so written before.
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
            let start = Instant::now();
            is_signalled.store(true, Ordering::SeqCst);
            let output = server.stop().expect_code(0);
            // The drain is 5 s, and a client that reads needs none of it.
            assert!(start.elapsed() < Duration::from_secs(4));
            output
        });
        let _ = output.expect_stderr(&format!("8 connections, {} frames", echoed.into_inner()));
    }
}

/// Row P7 again, for a server that is blocked by a slow reader while more
/// frames wait in its receive queue: all of them come back.
#[test]
#[cfg(target_os = "linux")]
fn what_waits_behind_a_slow_reader_is_echoed_before_the_end() {
    let mut server = Server::start(&[]);
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

/// Row P7 once more, for a client that goes on sending and was slow to read: it
/// gets every frame that the server counts, and then the end.
#[test]
fn whoever_goes_on_sending_still_gets_its_echoes() {
    let mut server = Server::start(&[]);
    let stream = connect(server.addr());
    let lump: Vec<u8> = (0..100).flat_map(|_| frame(&[b'x'; 1000])).collect();
    let taken = AtomicUsize::new(0);
    let back = thread::scope(|scope| {
        let sending = scope.spawn(|| {
            // Until this side closes, which it does when it has read the end.
            while let Ok(n) = (&stream).write(&lump[taken.load(Ordering::SeqCst) % lump.len()..]) {
                taken.fetch_add(n, Ordering::SeqCst);
            }
        });
        // Nobody reads, so nothing moves in the end.
        let mut still = (0, Instant::now());
        while still.1.elapsed() < Duration::from_millis(300) {
            let now = taken.load(Ordering::SeqCst);
            if now != still.0 {
                still = (now, Instant::now());
            }
            thread::park_timeout(Duration::from_millis(5));
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
        .expect_stderr(&format!(" {} frames", back.len() / 1004));
}

/// Whether the server's receive queue for a client becomes empty within 50 ms,
/// by `/proc/net/tcp` (proc(5)).
#[cfg(target_os = "linux")]
fn is_read_soon(server: SocketAddr, client: SocketAddr) -> bool {
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

/// Sends frames of 1000 bytes and reads nothing, until neither side can send
/// any more.
fn fill(mut stream: &TcpStream) {
    let lump: Vec<u8> = (0..100).flat_map(|_| frame(&[b'x'; 1000])).collect();
    let mut sent = 0;
    stream.set_nonblocking(true).unwrap();
    let mut progress = Instant::now();
    while progress.elapsed() < Duration::from_millis(300) {
        match stream.write(&lump[sent % lump.len()..]) {
            Ok(n) => {
                sent += n;
                progress = Instant::now();
            }
            Err(_) => thread::sleep(Duration::from_millis(1)),
        }
    }
}

fn wait_until_refused(addr: SocketAddr) {
    let start = Instant::now();
    while TcpStream::connect(addr).is_ok() {
        assert!(start.elapsed() < e2e::DEADLINE, "still accepting");
    }
}

/// Row G4: clients in the queue believe that they are connected.
#[test]
fn a_stopped_server_takes_no_new_connection() {
    let server = Server::start(&[]);
    let addr = server.addr();
    let _ = server.stop().expect_code(0);
    assert!(TcpStream::connect(addr).is_err());
}

/// Row G6.
#[test]
fn a_second_signal_ends_at_once() {
    let mut server = Server::start(&[]);
    // A peer that sends and never reads keeps its connection busy.
    let stream = connect(server.addr());
    fill(&stream);
    let start = Instant::now();
    server.process().signal("TERM");
    wait_until_refused(server.addr());
    server.process().signal("TERM");
    let output = server.wait();
    assert_eq!(output.code, Some(130), "{output}");
    assert!(
        start.elapsed() < Duration::from_secs(4),
        "waited for the drain"
    );
}

/// Row S8: a closed stdout is no error.
#[test]
fn nobody_has_to_read_stdout() {
    let closed = || pipe().unwrap().1;
    let server = Server::start(&[]);
    let host = server.host();
    for (client, args) in [
        ("echo-client", &["-n", "100000"][..]),
        ("bench-client", &["-n", "100"]),
        ("bench-client", &["--help"]),
    ] {
        let mut command = Command::new(program(client));
        command.args(["-h", &host]).args(args);
        let output = Process::start_with_stdout(&mut command, closed())
            .wait()
            .expect_code(0);
        assert!(!output.stderr.contains("panicked"), "{output}");
    }
    let mut command = Command::new(program("repl-client"));
    let mut repl = Process::start_with_stdout(command.args(["-h", &host]), closed());
    repl.stdin().write_all(b"hello\n").unwrap();
    let output = repl.wait().expect_code(0);
    assert!(!output.stderr.contains("panicked"), "{output}");

    // The server serves on; port 0 would stay unknown, so it gets one that
    // was free a moment ago.
    let free = Server::start(&[]);
    let host = free.host();
    let _ = free.stop();
    let mut command = Command::new(program("echo-server"));
    let process = Process::start_with_stdout(command.args(["--listen", &host]), closed());
    let start = Instant::now();
    while TcpStream::connect(&host).is_err() {
        assert!(start.elapsed() < e2e::DEADLINE, "{process}");
    }
    let _ = run("echo-client", &["-h", &host]).expect_code(0);
    process.signal("TERM");
    let _ = process.wait().expect_code(0);
}

#[test]
fn a_listener_that_anyone_can_reach_is_announced() {
    let mut command = Command::new(program("echo-server"));
    let mut server = Process::start(command.args(["--listen", "0.0.0.0:0"]));
    let _ = server.wait_for_stdout("listening on 0.0.0.0:");
    let _ = server.wait_for_stderr("is not loopback: anyone who can reach it can use it");
    server.signal("TERM");
    let _ = server.wait().expect_code(0);
}
