//! Streams that fail, stall or lie, and calls in an unusual order.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::{
    collections::VecDeque,
    io::{self, ErrorKind, Write},
};

use proto::{Wire, Writer};
use support::written;

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
