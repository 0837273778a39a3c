//! Memory grows with the bytes received, and shrinks again.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod support;

use std::io::{self, Read};

use proto::{Error, Reader, Received, Wire};
use support::{limit, payloads_of, read_all, written};

/// Memory comes in whole pages; a buffer begins inside its first.
const PAGE: usize = 4096;

/// Memory follows the bytes that arrived.
#[test]
fn an_announced_length_allocates_nothing() {
    struct WatchedAllocator<'a> {
        stream: &'a [u8],
        largest_room: usize,
    }
    impl Read for WatchedAllocator<'_> {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            self.largest_room = self.largest_room.max(buf.len());
            let n = buf.len().min(1000);
            self.stream.read(&mut buf[..n])
        }
    }
    let mut wire = 0x0fff_ffff_u32.to_be_bytes().to_vec();
    wire.resize(3000, 0);
    let mut stream = WatchedAllocator {
        stream: &wire,
        largest_room: 0,
    };
    let mut reader = Reader::new(limit((1 << 28) - 1));
    let (_, _, ending) = read_all(&mut reader, &mut stream);
    assert!(matches!(
        ending,
        Err(Error::Truncated {
            got: 3000,
            expected: Some(0x1000_0003)
        })
    ));
    assert!(stream.largest_room <= 4096, "{}", stream.largest_room);
}

/// Memory is freed after a burst.
#[test]
fn shrinking_frees_a_burst_and_keeps_a_partial_frame() {
    let wire = written(&[vec![7; 100_000], vec![8; 10]]);
    let (burst, rest) = wire.split_at(wire.len() - 5);
    let mut reader = Reader::new(Wire::default());
    assert_eq!(reader.capacity(), 0);
    let mut stream = burst;
    let mut frames = 0;
    while frames == 0 {
        let Ok(Received::Batch(batch)) = reader.read(&mut stream) else {
            panic!("no batch");
        };
        frames = batch.len();
    }
    while !stream.is_empty() {
        assert!(reader.read(&mut stream).is_ok());
    }
    let grown = reader.capacity();
    assert!(grown > 100_000);
    // A part of the second frame waits for the rest.
    reader.shrink();
    assert_eq!(reader.capacity(), grown);
    let mut stream = rest;
    let Ok(Received::Batch(batch)) = reader.read(&mut stream) else {
        panic!("no batch");
    };
    assert_eq!(payloads_of(&batch), [vec![8; 10]]);
    reader.shrink();
    assert_eq!(reader.capacity(), 0);
}

/// A stream that fills every read, and counts the reads.
struct Counted<'a> {
    stream: &'a [u8],
    reads: usize,
    largest: usize,
}

impl<'a> Counted<'a> {
    fn of(stream: &'a [u8]) -> Self {
        Self {
            stream,
            reads: 0,
            largest: 0,
        }
    }
}

impl Read for Counted<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.reads += 1;
        self.largest = self.largest.max(buf.len());
        self.stream.read(buf)
    }
}

/// Reads up to the next complete frames, and returns their number.
fn read_frames(reader: &mut Reader, stream: &mut impl Read) -> usize {
    loop {
        let Ok(Received::Batch(batch)) = reader.read(stream) else {
            panic!("no batch");
        };
        if !batch.is_empty() {
            return batch.len();
        }
    }
}

#[test]
fn a_large_frame_takes_few_reads() {
    let wire = written(&vec![vec![7; 1 << 20]; 3]);
    let mut stream = Counted::of(&wire);
    let mut reader = Reader::new(Wire::default());
    let mut reads = Vec::new();
    while !stream.stream.is_empty() {
        assert_eq!(read_frames(&mut reader, &mut stream), 1);
        reads.push(std::mem::take(&mut stream.reads));
    }
    // 1 KiB doubled up to 1 MiB plus a header; later frames take one read.
    assert_eq!(reads, [12, 1, 1]);
}

#[test]
fn a_read_limit_applies_to_large_frames_too() {
    let wire = written(&vec![vec![7; 1 << 20]; 2]);
    for max_read in [15, 1000, 65_536, 100_000] {
        let mut stream = Counted::of(&wire);
        let mut reader = Reader::new(Wire::default()).max_read(Some(max_read));
        let (payloads, _, ending) = read_all(&mut reader, &mut stream);
        assert!(ending.is_ok());
        assert_eq!(payloads.len(), 2);
        assert_eq!(stream.largest, max_read);
    }
}

/// Small messages are batched up to 64 KiB, however many there are.
#[test]
fn a_batch_is_limited() {
    let wire = written(&vec![vec![7; 12]; 100_000]);
    let mut stream = Counted::of(&wire);
    let mut reader = Reader::new(Wire::default());
    while !stream.stream.is_empty() {
        assert!(read_frames(&mut reader, &mut stream) <= 4096);
    }
    assert_eq!(stream.largest, 65_536);
    assert_eq!(reader.capacity(), 17 * PAGE);
}

/// A frame in small parts costs less than twice the bytes received.
#[test]
fn the_buffer_follows_the_bytes_received() {
    struct Drip<'a>(&'a [u8], usize);
    impl Read for Drip<'_> {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            let n = buf.len().min(self.1);
            self.0.read(&mut buf[..n])
        }
    }
    let wire = written(&[vec![7; 1 << 20]]);
    for (drip, max_read) in [(100, None), (5000, None), (1 << 20, None), (100, Some(15))] {
        let mut reader = Reader::new(Wire::default()).max_read(max_read);
        let mut stream = Drip(&wire, drip);
        let mut frames = 0;
        while frames == 0 {
            let arrived = wire.len() - stream.0.len();
            let Ok(Received::Batch(batch)) = reader.read(&mut stream) else {
                panic!("no batch");
            };
            frames = batch.len();
            let most = (2 * arrived).min(wire.len());
            assert!(reader.capacity() <= most + 2 * PAGE, "{arrived} bytes");
            assert!(
                2 * arrived > 1024 || reader.capacity() == 0,
                "{arrived} bytes"
            );
        }
        assert_eq!(reader.capacity(), (1 << 20) + PAGE);
    }
}

/// A budget checked before each read matches what the read then takes.
#[test]
fn the_next_capacity_is_exact() {
    let payloads: Vec<Vec<u8>> = [10, 5000, 0, 70_000, 3, 300_000, 300_000, 1]
        .map(|len| vec![7; len])
        .into();
    let wire = written(&payloads);
    for (max_read, cut) in [(None, 1000), (None, 1 << 20), (Some(100), 90), (Some(1), 7)] {
        let mut reader = Reader::new(Wire::default()).max_read(max_read);
        let (mut stream, mut reads) = (wire.as_slice(), 0);
        loop {
            let next = reader.next_capacity();
            // Reserving beforehand, once or twice, changes nothing.
            for _ in 0..reads % 3 {
                reader.reserve().unwrap();
                assert_eq!((reader.capacity(), reader.next_capacity()), (next, next));
            }
            let mut part = &stream[..stream.len().min(cut)];
            let before = part.len();
            let received = reader.read(&mut part).unwrap();
            stream = &stream[before - part.len()..];
            if matches!(received, Received::Closed) {
                break;
            }
            assert_eq!(reader.capacity(), next);
            reads += 1;
        }
        assert!(stream.is_empty());
        reader.shrink();
        assert_eq!((reader.capacity(), reader.next_capacity()), (0, 0));
    }
}

/// Messages that never fill a read need no allocation.
#[test]
fn small_messages_allocate_nothing() {
    let mut reader = Reader::new(Wire::default());
    let wire = written(&[vec![7; 1000]]);
    for _ in 0..100 {
        for part in wire.chunks(300) {
            assert!(reader.read(&mut { part }).is_ok());
            assert_eq!(reader.capacity(), 0);
        }
    }
}
