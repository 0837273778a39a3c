//! Memory of large frames returns to the system when their readers are dropped.
//!
//! A separate process: the figure covers all threads.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, missing_docs)]

use std::{fs, sync::Barrier, thread};

use proto::{Reader, Wire};

/// As many threads as an allocator may have arenas.
const THREADS: usize = 8;

const FRAME: usize = 8 << 20;

/// Resident memory of this process in pages (proc(5), statm).
fn resident() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn dropped_readers_leave_no_memory() {
    let mut wire = u32::try_from(FRAME).unwrap().to_be_bytes().to_vec();
    wire.resize(4 + FRAME, 7);
    let before = resident();
    let all_hold_a_frame = Barrier::new(THREADS);
    // The allocator adapts in the first round, which shows in the later ones.
    for _ in 0..3 {
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    let mut reader = Reader::new(Wire::default());
                    let mut stream = wire.as_slice();
                    while !stream.is_empty() {
                        let _ = reader.read(&mut stream).unwrap();
                    }
                    all_hold_a_frame.wait();
                });
            }
        });
    }
    let kept = resident().saturating_sub(before) * 4096;
    assert!(kept < FRAME, "{kept} bytes kept");
}
