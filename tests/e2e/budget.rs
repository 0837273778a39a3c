//! Promise P3 with many peers at once: `--max-memory` is all that they can make
//! a server hold.

use std::thread;

use e2e::Server;

use crate::{
    coded::coded,
    memory,
    wire::{assert_serves, connect, send_and_read_back},
};

const PEERS: usize = 200;

/// In KiB, as `/proc` counts.
const MIB: u64 = 1 << 10;

/// A frame of 33 KB can stand for 8 MiB. The server needs to know that it does,
/// and not what is in it.
#[test]
fn what_frames_decompress_to_takes_no_memory() {
    let mut server = Server::start(&["--max-memory", "64MiB"]);
    assert_serves(server.addr());
    let before = memory::of_server(&mut server, "VmRSS");
    let frame = coded(&vec![0; 8 << 20], false, true);
    assert!(frame.len() < 40_000, "{} bytes", frame.len());
    let streams: Vec<_> = (0..PEERS).map(|_| connect(server.addr())).collect();
    thread::scope(|scope| {
        for stream in &streams {
            scope.spawn(|| send_and_read_back(stream, &frame));
        }
    });
    // A thread and a buffer of 64 KiB for each, and no payload.
    let peak = memory::of_server(&mut server, "VmHWM");
    assert!(peak < before + 24 * MIB, "{before} before, {peak} then");
    drop(streams);
    let closed = format!("closed: {} clean", PEERS + 1);
    let _ = server.stop().expect_code(0).expect_stderr(&closed);
}
