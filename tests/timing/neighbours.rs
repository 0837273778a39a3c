//! Promise P5: misbehaving clients do not slow the others. The measured
//! slowdown is printed; a limit for busy machines is asserted.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use testkit::{
    DEADLINE, ServerProcess, alone, descriptors,
    footprint::Footprint,
    memory,
    wire::{assert_echoes, connect, frame},
};

/// The deadline under test, and the maximum lateness of an end (promise P4).
const TIMEOUT: Duration = Duration::from_secs(3);
const LATE: Duration = Duration::from_secs(1);

/// Honest clients, one frame in flight each.
const HONEST: usize = 4;

/// Maximum 99th percentile of their round trips. A client that blocks another
/// does so until its deadline.
const LONGEST_P99: Duration = Duration::from_millis(500);

/// Bytes that one client sends and never reads back.
const WANTED: usize = 64 << 20;

#[test]
#[ignore = "needs 1,100 descriptors: cargo test -p e2e -- --ignored faults"]
#[allow(clippy::print_stdout)] // The figures, with --nocapture.
fn faults_of_a_thousand_slow_drips() {
    const DRIPS: usize = 1000;

    let _alone = alone();
    descriptors::allow(DRIPS as u64 + 100);
    let mut server = ServerProcess::start(&["--frame-timeout", "3s"]);
    let at_rest = Footprint::at_rest(&mut server);
    let addr = server.addr();
    let alone = p99(addr, || thread::sleep(TIMEOUT));
    let mut ends = Vec::new();
    let beside = p99(addr, || {
        let streams = (0..DRIPS).map(|_| DripClient::start(addr)).collect();
        ends = drip_until_closed(streams);
    });
    ends.sort_unstable();
    let (first, last) = (ends[0], ends[DRIPS - 1]);
    println!("{DRIPS} drips, closed {first:?} to {last:?} after their first byte");
    println!("p99 of honest round trips: {beside:?}, without drips {alone:?}");
    assert!(first >= TIMEOUT, "too early, after {first:?}");
    assert!(last < TIMEOUT + LATE, "too late, after {last:?}");
    assert!(beside < LONGEST_P99, "{beside:?}");
    at_rest.wait_until_back(&mut server, &"honest clients");
    let _ = server
        .stop()
        .expect_code(0)
        .expect_closed("9 clean, 1000 frame_timeout");
}

#[test]
#[ignore = "seconds: cargo test -p e2e -- --ignored faults"]
#[allow(clippy::print_stdout)] // The figures, with --nocapture.
fn faults_of_64_mib_that_are_never_read() {
    /// Maximum growth of the server's memory, in KiB: several read buffers.
    const MOST: u64 = 1024;

    let _alone = alone();
    let mut server = ServerProcess::start(&["--write-timeout", "3s"]);
    let at_rest = Footprint::at_rest(&mut server);
    let addr = server.addr();
    let alone = p99(addr, || thread::sleep(TIMEOUT));
    let before = memory::of_server(&mut server, "VmHWM");
    let (mut sent, mut stuck_for) = (0, Duration::ZERO);
    let beside = p99(addr, || {
        (sent, stuck_for) = send_until_closed(addr);
    });
    let peak = memory::of_server(&mut server, "VmHWM");
    println!("{WANTED} bytes wanted, {sent} sent, closed after {stuck_for:?} without progress");
    println!("peak of the server's resident memory: {peak} KiB, before {before} KiB");
    println!("p99 of honest round trips: {beside:?}, without it {alone:?}");
    assert!(sent < WANTED, "all taken");
    assert!(stuck_for < TIMEOUT + LATE, "too late, after {stuck_for:?}");
    assert!(peak < before + MOST, "{peak} KiB, before {before}");
    assert!(beside < LONGEST_P99, "{beside:?}");
    at_rest.wait_until_back(&mut server, &"honest clients");
    let _ = server
        .stop()
        .expect_code(0)
        .expect_closed("9 clean, 1 write_timeout");
}

/// Sends frames and reads nothing; returns the bytes sent, and the time without
/// progress before the server closed. The server is blocked before that, while
/// its receive queue still accepts bytes.
fn send_until_closed(addr: SocketAddr) -> (usize, Duration) {
    let mut stream = connect(addr);
    // A write that blocks until the close would not show the last progress.
    let timeout = Duration::from_millis(50);
    stream.set_write_timeout(Some(timeout)).unwrap();
    let lump = frame(&[b'x'; 1000]);
    let mut sent = 0;
    let mut moved = Instant::now();
    while sent < WANTED && moved.elapsed() < DEADLINE {
        match stream.write(&lump[sent % lump.len()..]) {
            Ok(written) => {
                sent += written;
                moved = Instant::now();
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => break,
        }
    }
    (sent, moved.elapsed())
}

/// The 99th percentile of honest round trips while `meanwhile` runs.
fn p99(addr: SocketAddr, meanwhile: impl FnOnce() + Send) -> Duration {
    let is_over = AtomicBool::new(false);
    let mut times: Vec<Duration> = thread::scope(|scope| {
        let honest = [(); HONEST].map(|()| scope.spawn(|| round_trips(addr, &is_over)));
        // End the threads even if it panics.
        let ended = scope.spawn(meanwhile).join();
        is_over.store(true, Ordering::Relaxed);
        ended.unwrap();
        honest
            .into_iter()
            .flat_map(|client| client.join().unwrap())
            .collect()
    });
    times.sort_unstable();
    times[times.len() * 99 / 100]
}

fn round_trips(addr: SocketAddr, is_over: &AtomicBool) -> Vec<Duration> {
    let stream = connect(addr);
    let mut times = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        let start = Instant::now();
        assert_echoes(&stream, b"Hello World!");
        times.push(start.elapsed());
        // A rate low enough that clients do not load each other.
        thread::sleep(Duration::from_millis(1));
    }
    times
}

/// A client that sends a frame a byte at a time.
struct DripClient {
    stream: TcpStream,
    since: Instant,
}

impl DripClient {
    fn start(addr: SocketAddr) -> Self {
        let mut stream = connect(addr);
        let since = Instant::now();
        // The header, and a thousand bytes to follow.
        stream.write_all(&frame(&[0; 1000])[..4]).unwrap();
        stream.set_nonblocking(true).unwrap();
        Self { stream, since }
    }

    /// Sends one more byte; `false` when the server has closed.
    fn drip(&mut self) -> bool {
        let is_quiet = |error: &io::Error| error.kind() == io::ErrorKind::WouldBlock;
        let is_open = self.stream.read(&mut [0]).is_err_and(|e| is_quiet(&e));
        is_open && self.stream.write_all(&[0]).is_ok()
    }
}

/// Drips on each connection; returns how long each lasted.
fn drip_until_closed(mut open: Vec<DripClient>) -> Vec<Duration> {
    let start = Instant::now();
    let mut ends = Vec::new();
    while !open.is_empty() {
        assert!(start.elapsed() < DEADLINE, "{} are open", open.len());
        open.retain_mut(|drip| {
            let is_open = drip.drip();
            if !is_open {
                ends.push(drip.since.elapsed());
            }
            is_open
        });
        thread::sleep(Duration::from_millis(50));
    }
    ends
}
