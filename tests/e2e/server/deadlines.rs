//! Peers that overstay: each is closed in time, for its own reason, and not
//! before.

use std::{
    io::{Read, Write},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use testkit::{
    DEADLINE, Server,
    wire::{assert_echoes, connect, frame, read_to_end},
};

/// Deadline of everything here, and how late an end may come (promise P4).
const TIMEOUT: Duration = Duration::from_millis(600);
const LATE: Duration = Duration::from_secs(1);

/// Checks that the server closes `stream` when [`TIMEOUT`] has passed since
/// `start`, and says `why`.
#[track_caller]
fn assert_closed_in_time(server: &mut Server, stream: &TcpStream, start: Instant, why: &str) {
    let (back, _) = read_to_end(stream);
    let after = start.elapsed();
    assert!(back.is_empty());
    assert!(after >= TIMEOUT, "{why}: too early, after {after:?}");
    assert!(after < TIMEOUT + LATE, "{why}: too late, after {after:?}");
    let _ = server.process().wait_for_stderr(why);
}

#[test]
fn silence_between_frames() {
    let mut server = Server::start(&["--idle-timeout", "600ms"]);
    let stream = connect(server.addr());
    // Frames keep it open for longer than the timeout.
    let start = Instant::now();
    while start.elapsed() < 2 * TIMEOUT {
        assert_echoes(&stream, b"awake");
        thread::park_timeout(TIMEOUT / 6);
    }
    assert_echoes(&stream, b"the last");
    let start = Instant::now();
    assert_closed_in_time(&mut server, &stream, start, "longer than --idle-timeout");
    let _ = server
        .stop()
        .expect_code(0)
        .expect_stderr("closed       1 idle");
}

/// Row S1: a byte now and then keeps nobody in.
#[test]
fn a_slow_drip_inside_a_frame() {
    let mut server = Server::start(&["--frame-timeout", "600ms"]);
    let stream = connect(server.addr());
    let start = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| {
            for byte in frame(&[b'x'; 10_000]) {
                if (&stream).write_all(&[byte]).is_err() || start.elapsed() > DEADLINE {
                    return;
                }
                thread::park_timeout(TIMEOUT / 20);
            }
        });
        assert_closed_in_time(&mut server, &stream, start, "longer than --frame-timeout");
    });
    let _ = server
        .stop()
        .expect_code(0)
        .expect_stderr("closed       1 frame timeout");
}

/// Row S3: a peer that never reads, and another that is served meanwhile.
#[test]
fn a_peer_that_never_reads() {
    let mut server = Server::start(&["--write-timeout", "600ms"]);
    let (greedy, honest) = (connect(server.addr()), connect(server.addr()));
    let lump: Vec<u8> = (0..100).flat_map(|_| frame(&[b'x'; 1000])).collect();
    thread::scope(|scope| {
        let ended = scope.spawn(|| {
            let start = Instant::now();
            while (&greedy).write_all(&lump).is_ok() {
                assert!(start.elapsed() < DEADLINE, "still taken");
            }
        });
        let mut slowest = Duration::ZERO;
        while !ended.is_finished() {
            let start = Instant::now();
            assert_echoes(&honest, b"honest");
            slowest = slowest.max(start.elapsed());
        }
        assert!(slowest < TIMEOUT, "an honest echo took {slowest:?}");
    });
    let _ = server
        .process()
        .wait_for_stderr("longer than --write-timeout");
    assert_echoes(&honest, b"still there");
    let _ = server
        .stop()
        .expect_code(0)
        .expect_stderr("closed       1 write timeout, 1 shutdown");
}

#[test]
fn the_busy_have_limits_if_asked_for() {
    for (args, why, reason) in [
        (
            ["--max-connection-age", "600ms"],
            "longer than --max-connection-age",
            "closed       1 age",
        ),
        (
            ["--max-connection-bytes", "10k"],
            "more than --max-connection-bytes",
            "closed       1 bytes",
        ),
    ] {
        let mut server = Server::start(&args);
        let stream = connect(server.addr());
        let start = Instant::now();
        let mut back = [0; 8];
        // Each echo is whole, or there is none.
        while (&stream).write_all(&frame(b"busy")).is_ok() {
            assert!(start.elapsed() < DEADLINE, "still served");
            if (&stream).read_exact(&mut back).is_err() {
                break;
            }
            assert_eq!(back, *frame(b"busy"));
        }
        let _ = server.process().wait_for_stderr(why);
        let _ = server.stop().expect_code(0).expect_stderr(reason);
    }
}

/// The drain is a deadline too.
#[test]
fn a_stopping_server_drains_no_longer_than_told() {
    let mut server = Server::start(&["--drain", "600ms"]);
    let greedy = connect(server.addr());
    let lump: Vec<u8> = (0..100).flat_map(|_| frame(&[b'x'; 1000])).collect();
    greedy
        .set_write_timeout(Some(Duration::from_millis(300)))
        .unwrap();
    // Until nothing moves for three times as long: a busy machine is slow, but
    // a server that nobody reads stands still.
    let mut stuck = 0;
    while stuck < 3 {
        stuck = match (&greedy).write(&lump) {
            Ok(_) => 0,
            Err(_) => stuck + 1,
        };
    }
    let start = Instant::now();
    server.process().signal("TERM");
    let _ = server.process().wait_for_stderr("closed       1 shutdown");
    let after = start.elapsed();
    assert!(after >= TIMEOUT, "too early, after {after:?}");
    // Without the option it would have been five seconds.
    assert!(after < Duration::from_secs(4), "too late, after {after:?}");
    let _ = server.wait().expect_code(0);
}
