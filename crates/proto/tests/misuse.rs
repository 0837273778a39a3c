//! Streams that fail, stall or lie, and calls in an unusual order.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod support;

use std::{
    collections::VecDeque,
    io::{self, ErrorKind, Read, Write},
};

use proto::{Error, FrameError, Framing, MaxFrame, Reader, Received, Wire, Writer};
use support::{limit, read_all, written, written_as};

/// A stream that takes a few bytes at a time and fails in between.
#[derive(Default)]
struct Stubborn {
    /// Bytes that each write takes, or its error; then all.
    script: VecDeque<Result<usize, ErrorKind>>,
    flushes: VecDeque<ErrorKind>,
    taken: Vec<u8>,
}

impl Write for Stubborn {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let n = self.script.pop_front().unwrap_or(Ok(buf.len()))?;
        self.taken.extend_from_slice(&buf[..n.min(buf.len())]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.flushes.pop_front() {
            Some(kind) => Err(kind.into()),
            None => Ok(()),
        }
    }
}

/// A timeout in the middle of a frame: the retry sends the rest, not the
/// beginning again.
#[test]
fn a_failed_write_continues_where_it_ended() {
    let mut stream = Stubborn {
        script: [
            Ok(1),
            Err(ErrorKind::Interrupted),
            Ok(4),
            Err(ErrorKind::WouldBlock),
            Err(ErrorKind::TimedOut),
            Ok(2),
            Ok(0),
        ]
        .into(),
        ..Stubborn::default()
    };
    let mut writer = Writer::new(Wire::default());
    writer.add(b"abc").unwrap();
    for (kind, left) in [
        (ErrorKind::WouldBlock, &b"bc"[..]),
        (ErrorKind::TimedOut, b"bc"),
        (ErrorKind::WriteZero, b"\0\0\0\x01d"),
    ] {
        let error = writer.write_to(&mut stream).unwrap_err();
        assert_eq!(error.kind(), kind);
        if kind == ErrorKind::TimedOut {
            // The message after the failure waits behind the rest.
            assert_eq!(writer.as_bytes(), left);
            writer.add(b"d").unwrap();
        } else {
            assert_eq!(writer.as_bytes(), left);
        }
    }
    writer.write_to(&mut stream).unwrap();
    assert_eq!(stream.taken, written(&[b"abc".to_vec(), b"d".to_vec()]));
    assert!(writer.as_bytes().is_empty());
}

#[test]
fn a_failed_flush_sends_nothing_twice() {
    let mut stream = Stubborn {
        flushes: [ErrorKind::WouldBlock].into(),
        ..Stubborn::default()
    };
    let mut writer = Writer::new(Wire::default());
    writer.add(b"abc").unwrap();
    let error = writer.write_to(&mut stream).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    writer.write_to(&mut stream).unwrap();
    assert_eq!(stream.taken, written(&[b"abc".to_vec()]));
}

/// Cleared after a failure, a writer begins anew for another stream.
#[test]
fn a_cleared_writer_begins_with_a_header() {
    let mut stream = Stubborn {
        script: [Ok(5), Err(ErrorKind::BrokenPipe)].into(),
        ..Stubborn::default()
    };
    let mut writer = Writer::new(Wire::default());
    writer.add(b"abc").unwrap();
    writer.write_to(&mut stream).unwrap_err();
    writer.clear();
    writer.add(b"d").unwrap();
    let mut other = Vec::new();
    writer.write_to(&mut other).unwrap();
    assert_eq!(other, written(&[b"d".to_vec()]));
}

#[test]
fn a_stream_that_claims_more_than_it_was_given_harms_nothing() {
    let mut stream = Stubborn {
        script: [Ok(2), Ok(usize::MAX)].into(),
        ..Stubborn::default()
    };
    let mut writer = Writer::new(Wire::default());
    writer.add(b"abc").unwrap();
    writer.write_to(&mut stream).unwrap();
    assert!(writer.as_bytes().is_empty());
    assert_eq!(stream.taken, written(&[b"abc".to_vec()]));
}

/// Bytes that a stream claims and did not write are never handed over.
#[test]
fn a_stream_that_claims_more_than_its_room_is_an_error() {
    struct LyingStream<'a>(&'a [u8], usize);
    impl Read for LyingStream<'_> {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            let n = self.0.read(buf)?;
            Ok(n + std::mem::take(&mut self.1))
        }
    }
    let wire = written(&[b"abc".to_vec(), vec![7; 93]]);
    for (wire_format, max_read) in [
        (Wire::default(), Some(104)),
        (Wire::default(), Some(7)),
        (Wire::Raw, Some(7)),
        (Wire::Raw, Some(104)),
    ] {
        for lie in [1, 2000, usize::MAX - 200] {
            let mut reader = Reader::new(wire_format).max_read(max_read);
            match reader.read(&mut LyingStream(&wire, lie)) {
                Err(Error::Io(error)) => {
                    let room = max_read.unwrap();
                    let claimed = room + lie;
                    let text =
                        format!("the stream reports {claimed} bytes read into a buffer of {room}");
                    assert_eq!(error.to_string(), text);
                }
                other => panic!("{other:?}"),
            }
            assert!(matches!(
                reader.read(&mut io::empty()),
                Ok(Received::Closed)
            ));
        }
    }
}

/// Calls that a caller with a memory budget makes before each read, after the
/// stream has already failed.
#[test]
fn a_refused_frame_keeps_its_buffer() {
    let framing = Framing {
        checksum: true,
        ..Framing::default()
    };
    let mut wire = written_as(Wire::Framed(framing), &[vec![7; 200_000]]);
    let last = wire.len() - 1;
    wire[last] ^= 1;
    let mut reader = Reader::new(Wire::default());
    let (payloads, _, ending) = read_all(&mut reader, wire.as_slice());
    assert!(payloads.is_empty());
    let Err(Error::Refused { error, .. }) = ending else {
        panic!("accepted");
    };
    assert!(matches!(error, FrameError::BadChecksum { .. }));
    let held = reader.capacity();
    assert!(held > 200_000);
    for _ in 0..3 {
        assert_eq!(reader.next_capacity(), held);
        reader.reserve().unwrap();
        assert_eq!(reader.capacity(), held);
        reader.shrink();
        assert_eq!(reader.capacity(), held);
        match reader.read(&mut &b"\0\0\0\x01x"[..]) {
            Err(Error::Refused { error: later, .. }) => assert_eq!(later, error),
            other => panic!("{other:?}"),
        }
    }
}

/// The end of a stream is not the end of its reader: a file can grow.
#[test]
fn a_stream_that_continues_after_its_end_is_continued() {
    let wire = written(&[b"abc".to_vec()]);
    for at in 0..=wire.len() {
        let mut reader = Reader::new(Wire::default());
        let (first, _, ending) = read_all(&mut reader, &wire[..at]);
        let is_between = at == 0 || at == wire.len();
        assert_eq!(ending.is_ok(), is_between, "{at}");
        let (rest, _, ending) = read_all(&mut reader, &wire[at..]);
        ending.unwrap();
        assert_eq!([first, rest].concat(), [b"abc"], "{at}");
    }
}

/// An empty payload is a heartbeat, however many bytes a peer makes of it.
#[test]
fn an_empty_payload_is_a_heartbeat_in_every_coding() {
    for wire in [
        &b"\0\0\0\0"[..],
        b"\x80\0\0\x04\xdd\x5d\x15\xe7",
        // An original length of zero, and a block of no literals.
        b"\x40\0\0\x05\0\0\0\0\0",
    ] {
        let mut reader = Reader::new(Wire::default());
        let Received::Batch(batch) = reader.read(&mut { wire }).unwrap() else {
            panic!("closed");
        };
        let frame = batch.frames().next().unwrap();
        assert_eq!(
            (frame.payload_len(), frame.is_empty()),
            (0, true),
            "{wire:?}"
        );
        assert!(frame.payload(&mut vec![1]).unwrap().is_empty());
    }
}

/// The smallest limits that the types allow.
#[test]
fn the_smallest_limits_work() {
    let wire = written(&vec![vec![9]; 5]);
    for max_read in [0, 1] {
        let mut reader = Reader::new(limit(1)).max_read(Some(max_read));
        let (payloads, raw, ending) = read_all(&mut reader, wire.as_slice());
        ending.unwrap();
        assert_eq!((payloads, raw), (vec![vec![9]; 5], wire.clone()));
    }
    // A checksum does not fit into a limit of four bytes and a payload.
    let framing = Framing {
        max_frame: MaxFrame::new(4).unwrap(),
        checksum: true,
        ..Framing::default()
    };
    let mut writer = Writer::new(Wire::Framed(framing));
    writer.add(b"").unwrap();
    let refused = writer.add(b"x");
    assert_eq!(refused, Err(FrameError::TooLarge { len: 5, max: 4 }));
    assert_eq!(writer.as_bytes(), [0; 4]);
}

/// Frames of a few bytes that decompress to 4 GiB and more in one batch: on a
/// 32-bit machine the sum has no room.
#[test]
#[cfg_attr(
    not(target_pointer_width = "32"),
    ignore = "64 bits have room; cargo test -p proto --target i686-unknown-linux-musl"
)]
fn the_sum_of_payloads_does_not_overflow() {
    const ORIGINAL: usize = 32 << 20;
    const FRAMES: usize = 130;

    let framing = Framing {
        max_frame: MaxFrame::LARGEST,
        compress: true,
        ..Framing::default()
    };
    let frame = written_as(Wire::Framed(framing), &[vec![7; ORIGINAL]]);
    let mut reader = Reader::new(Wire::Framed(framing));
    // A large frame first, so that all the others are in one read.
    let large = vec![0; FRAMES * frame.len()];
    let len = u32::try_from(large.len()).unwrap();
    let stream = [&len.to_be_bytes()[..], &large].concat();
    read_all(&mut reader, stream.as_slice()).2.unwrap();
    let stream = frame.repeat(FRAMES);
    let Received::Batch(batch) = reader.read(&mut stream.as_slice()).unwrap() else {
        panic!("closed");
    };
    assert_eq!(batch.len(), FRAMES);
    assert_eq!(batch.payload_len(), ORIGINAL.saturating_mul(FRAMES));
}
