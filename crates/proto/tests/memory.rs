//! Memory follows what arrives, upwards and downwards.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod support;

use std::io::{self, Read};

use proto::{Error, Reader, Received, Wire};
use support::{limit, payloads_of, read_all, written};

/// P3: memory follows the bytes that arrived.
#[test]
fn an_announced_length_allocates_nothing() {
    struct Watched<'a> {
        stream: &'a [u8],
        largest_room: usize,
    }
    impl Read for Watched<'_> {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            self.largest_room = self.largest_room.max(buf.len());
            let n = buf.len().min(1000);
            self.stream.read(&mut buf[..n])
        }
    }
    let mut wire = 0x0fff_ffff_u32.to_be_bytes().to_vec();
    wire.resize(3000, 0);
    let mut stream = Watched {
        stream: &wire,
        largest_room: 0,
    };
    let mut reader = Reader::new(limit((1 << 28) - 1), 64 * 1024);
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

/// P3, once the burst is over.
#[test]
fn what_a_burst_grew_is_given_back_and_no_part_of_a_frame() {
    let wire = written(&[vec![7; 100_000], vec![8; 10]]);
    let (burst, rest) = wire.split_at(wire.len() - 5);
    let mut reader = Reader::new(Wire::default(), 64 * 1024);
    assert!(!reader.has_grown());
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
    assert!(reader.has_grown() && reader.capacity() > 100_000);
    // A part of the second frame waits for the rest.
    reader.shrink();
    assert!(reader.has_grown());
    let mut stream = rest;
    let Ok(Received::Batch(batch)) = reader.read(&mut stream) else {
        panic!("no batch");
    };
    assert_eq!(payloads_of(&batch), [vec![8; 10]]);
    reader.shrink();
    assert!(!reader.has_grown());
    assert_eq!(reader.capacity(), 0);
}
