//! Peers that exceed a deadline: each is closed in time, for its own reason,
//! and not before.

use std::{
    io::Write,
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use testkit::{
    DEADLINE, ServerProcess, alone,
    wire::{assert_echoes, connect, fill, frame, read_to_end},
};

/// Every deadline here, and the maximum lateness of an end (promise P4).
const TIMEOUT: Duration = Duration::from_millis(600);
const LATE: Duration = Duration::from_secs(1);

/// Checks that the server closes `stream` when [`TIMEOUT`] has passed since
/// `start`, and logs `why`.
#[track_caller]
fn assert_closed_in_time(
    server: &mut ServerProcess,
    stream: &TcpStream,
    start: Instant,
    why: &str,
) {
    let (back, _) = read_to_end(stream);
    let after = start.elapsed();
    assert!(back.is_empty());
    assert!(after >= TIMEOUT, "{why}: too early, after {after:?}");
    assert!(after < TIMEOUT + LATE, "{why}: too late, after {after:?}");
    let _ = server.process().wait_for_stderr(why);
}

#[test]
fn silence_between_frames() {
    let _alone = alone();
    let mut server = ServerProcess::start(&["--idle-timeout", "600ms"]);
    let stream = connect(server.addr());
    // Frames keep it open for longer than the timeout.
    let start = Instant::now();
    while start.elapsed() < 2 * TIMEOUT {
        assert_echoes(&stream, b"awake");
        thread::sleep(TIMEOUT / 6);
    }
    assert_echoes(&stream, b"the last");
    let start = Instant::now();
    assert_closed_in_time(&mut server, &stream, start, "longer than --idle-timeout");
    let _ = server.stop().expect_code(0).expect_closed("1 idle");
}

/// A byte now and then does not extend the deadline.
#[test]
fn a_slow_drip_inside_a_frame() {
    let _alone = alone();
    let mut server = ServerProcess::start(&["--frame-timeout", "600ms"]);
    let stream = connect(server.addr());
    let start = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| {
            for byte in frame(&[b'x'; 10_000]) {
                if (&stream).write_all(&[byte]).is_err() || start.elapsed() > DEADLINE {
                    return;
                }
                thread::sleep(TIMEOUT / 20);
            }
        });
        assert_closed_in_time(&mut server, &stream, start, "longer than --frame-timeout");
    });
    let _ = server
        .stop()
        .expect_code(0)
        .expect_closed("1 frame_timeout");
}

/// A peer that never reads, and another that is served meanwhile.
#[test]
fn a_peer_that_never_reads() {
    let _alone = alone();
    let mut server = ServerProcess::start(&["--write-timeout", "600ms"]);
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
        .expect_closed("1 write_timeout, 1 shutdown");
}

/// The drain is a deadline too.
#[test]
fn a_stopping_server_drains_no_longer_than_configured() {
    let _alone = alone();
    let mut server = ServerProcess::start(&["--drain", "600ms"]);
    let greedy = connect(server.addr());
    let lump: Vec<u8> = (0..100).flat_map(|_| frame(&[b'x'; 1000])).collect();
    fill(&greedy, &lump);
    let start = Instant::now();
    server.process().signal("TERM");
    let _ = server.wait().expect_code(0).expect_closed("1 shutdown");
    let after = start.elapsed();
    assert!(after >= TIMEOUT, "too early, after {after:?}");
    // The default would be five seconds.
    assert!(after < Duration::from_secs(4), "too late, after {after:?}");
}
