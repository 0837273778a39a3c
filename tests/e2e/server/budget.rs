//! Promise P3 with many peers at once: `--max-memory` limits the memory that
//! they can make a server hold.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    thread,
    time::Duration,
};

use fastrand::Rng;
use testkit::{
    ServerProcess,
    footprint::Footprint,
    memory, wait_until,
    wire::{assert_echoes, coded, connect, frame, send_and_read_back},
};

const PEERS: usize = 200;

/// In KiB, as `/proc` counts.
const MIB: u64 = 1 << 10;

/// Memory of 200 threads beside their buffers, and the allocator's reserve.
const BESIDE: u64 = 16 * MIB;

/// A frame of 33 KB can decompress to 8 MiB. The server has to know the length,
/// not the content.
#[test]
fn compressed_frames_take_no_memory_for_their_content() {
    let mut server = ServerProcess::start(&["--max-memory", "64MiB"]);
    let at_rest = Footprint::at_rest(&mut server);
    let first = connect(server.addr());
    assert_echoes(&first, b"first");
    let before = memory::of_server(&mut server, "VmRSS");
    let frame = coded(&vec![0; 8 << 20], false, true);
    assert!(frame.len() < 40_000, "{} bytes", frame.len());
    let streams: Vec<_> = (0..PEERS).map(|_| connect(server.addr())).collect();
    thread::scope(|scope| {
        for stream in &streams {
            scope.spawn(|| send_and_read_back(stream, &frame));
        }
    });
    // A buffer of 64 KiB each, and no payload.
    let peak = memory::of_server(&mut server, "VmHWM");
    let buffers = PEERS as u64 * 64;
    assert!(
        peak < before + buffers + BESIDE,
        "{before} before, {peak} then"
    );
    drop((first, streams));
    at_rest.wait_until_back(&mut server, &"200 peers");
    let closed = format!("{} clean", PEERS + 2);
    let _ = server.stop().expect_code(0).expect_closed(&closed);
}

/// The load of all peers, and the server's options.
struct FloodCase<'a> {
    args: &'a [&'a str],
    budget_mib: u64,
    send: &'a (dyn Fn(&TcpStream) + Sync),
}

impl FloodCase<'_> {
    /// All peers stay connected until the last has sent, or was closed.
    #[track_caller]
    fn assert_held(&self) {
        let max_memory = format!("{}MiB", self.budget_mib);
        let mut args = vec!["--max-memory", &max_memory];
        args.extend(self.args);
        let mut server = ServerProcess::start(&args);
        let first = connect(server.addr());
        // A frame is echoed as raw bytes, too.
        let echo = |payload| send_and_read_back(&first, &frame(payload));
        echo(b"first");
        let before = memory::of_server(&mut server, "VmRSS");
        let peers: Vec<_> = (0..PEERS).map(|_| connect(server.addr())).collect();
        thread::scope(|scope| {
            for stream in &peers {
                scope.spawn(|| (self.send)(stream));
            }
        });
        echo(b"still served");
        wait_until(format_args!("over the budget: {args:?}"), || {
            peers.iter().any(is_closed)
        });
        let peak = memory::of_server(&mut server, "VmHWM");
        let most = before + self.budget_mib * MIB + BESIDE;
        assert!(peak < most, "{before} before, {peak} then: {args:?}");
        drop(peers);
        // Nothing of it is kept for later.
        wait_until(format_args!("given back: {args:?}"), || {
            memory::of_server(&mut server, "VmRSS") <= before + BESIDE
        });
        echo(b"and later");
        let output = server.stop().expect_code(0);
        assert!(output.closed("memory") > 0, "another reason: {output}");
    }
}

/// Whether the server ended the connection. A pending echo counts as open.
fn is_closed(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    match stream.peek(&mut [0]) {
        Ok(read) => read == 0,
        Err(error) => error.kind() != ErrorKind::WouldBlock,
    }
}

/// Sends as much as the server takes.
fn send(mut stream: &TcpStream, bytes: &[u8]) {
    let _ = stream.write_all(bytes);
}

/// The same, while reading the echoes.
fn send_and_read(stream: &TcpStream, bytes: &[u8]) {
    thread::scope(|scope| {
        scope.spawn(|| send(stream, bytes));
        let mut back = vec![0; 1 << 16];
        let mut left = bytes.len();
        while left > 0 {
            match { stream }.read(&mut back) {
                Ok(0) | Err(_) => return,
                Ok(n) => left -= n.min(left),
            }
        }
    });
}

#[test]
fn peers_that_send_parts_of_large_frames_hold_no_more() {
    let part = &frame(&vec![b'x'; 8 << 20])[..1 << 20];
    FloodCase {
        args: &[],
        budget_mib: 64,
        send: &|stream| send(stream, part),
    }
    .assert_held();
}

#[test]
fn peers_that_send_frames_at_the_limit_hold_no_more() {
    let whole = frame(&vec![b'x'; 8 << 20]);
    FloodCase {
        args: &[],
        budget_mib: 64,
        send: &|stream| send_and_read(stream, &whole),
    }
    .assert_held();
}

/// Half of the payload is random, so 4 MiB are on the wire.
#[test]
fn peers_that_send_compressed_frames_at_the_limit_hold_no_more() {
    let mut payload = vec![0; 8 << 20];
    Rng::with_seed(1).fill(&mut payload[..4 << 20]);
    let whole = coded(&payload, true, true);
    assert!(whole.len() > 4 << 20 && whole.len() < 5 << 20);
    FloodCase {
        args: &[],
        budget_mib: 32,
        send: &|stream| send_and_read(stream, &whole),
    }
    .assert_held();
}

#[test]
fn peers_that_drip_large_frames_hold_no_more() {
    let part = &frame(&vec![b'x'; 8 << 20])[..1 << 20];
    FloodCase {
        args: &[],
        budget_mib: 32,
        send: &|stream| {
            for drop in part.chunks(8192) {
                send(stream, drop);
                thread::sleep(Duration::from_millis(5));
            }
        },
    }
    .assert_held();
}

/// A full buffer of 32 KiB grows to 64 KiB for a read that waits for more: 200
/// of them exceed 8 MiB.
#[test]
fn a_buffer_counts_before_it_grows() {
    let part = &frame(&vec![b'x'; 1 << 20])[..32_768];
    FloodCase {
        args: &[],
        budget_mib: 8,
        send: &|stream| send(stream, part),
    }
    .assert_held();
}

#[test]
fn peers_of_bare_bytes_hold_no_more() {
    let bytes = vec![b'x'; 1 << 20];
    FloodCase {
        args: &["--raw"],
        budget_mib: 4,
        send: &|stream| send_and_read(stream, &bytes),
    }
    .assert_held();
}
