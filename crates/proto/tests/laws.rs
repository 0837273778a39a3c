//! Properties of every stream of frames, however it is split.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod support;

use std::io::{self, Read};

use bytes::BytesMut;
use proptest::{collection::vec, prelude::*};
use proto::{Error, FrameError, HEADER_LEN, Reader, Received, Wire, Writer};
use support::{ArbitraryChunks, cuts, limit, payloads_of, read_all, stream_and_cuts, written};
use tokio_util::codec::{Decoder, LengthDelimitedCodec};

#[test]
fn golden_stream() {
    let wire: &[u8] = &[
        0, 0, 0, 3, b'a', b'b', b'c', //
        0, 0, 0, 0, //
        0, 0, 0, 1, 0xff,
    ];
    let payloads = [b"abc".to_vec(), Vec::new(), vec![0xff]];
    assert_eq!(written(&payloads), wire);

    let mut reader = Reader::new(Wire::default());
    let mut stream = wire;
    let Received::Batch(batch) = reader.read(&mut stream).unwrap() else {
        panic!("closed");
    };
    assert_eq!(batch.len(), 3, "all frames of one read, at once");
    assert_eq!(batch.as_bytes(), wire);
    assert_eq!(batch.payload_len(), 4);
    assert!(!batch.has_partial());
    assert_eq!(payloads_of(&batch), payloads);
    let empty: Vec<bool> = batch.frames().map(|frame| frame.is_empty()).collect();
    assert_eq!(empty, [false, true, false]);
    assert_eq!(batch.frames().len(), 3);
    assert_eq!(batch.frames().skip(1).len(), 2);
    assert!(matches!(reader.read(&mut stream), Ok(Received::Closed)));
}

proptest! {
    #[test]
    fn written_messages_are_read_however_they_are_split(
        (payloads, cuts) in stream_and_cuts(),
        read_size in 1_usize..64,
    ) {
        let wire = written(&payloads);
        let stream = ArbitraryChunks { stream: &wire, cuts: &cuts, at: 0 };
        let mut reader = Reader::new(Wire::default()).max_read(Some(read_size));
        let (read, raw, ending) = read_all(&mut reader, stream);
        prop_assert_eq!(read, payloads);
        prop_assert_eq!(raw, wire);
        prop_assert!(ending.is_ok());
    }

    #[test]
    fn chunks_are_the_same_bytes_at_frame_boundaries(
        payloads in vec(vec(any::<u8>(), 0..40), 1..8),
        size in 0_usize..200,
    ) {
        let wire = written(&payloads);
        let mut reader = Reader::new(Wire::default());
        let mut stream = wire.as_slice();
        let Ok(Received::Batch(batch)) = reader.read(&mut stream) else { panic!("no batch") };
        let chunks: Vec<&[u8]> = batch.chunks(size).collect();
        prop_assert_eq!(chunks.concat(), wire);
        let (last, others) = chunks.split_last().unwrap();
        prop_assert!(!last.is_empty());
        prop_assert!(others.iter().all(|chunk| chunk.len() >= size));
        // No chunk is longer than necessary.
        for chunk in &chunks {
            let (read, _, ending) = read_all(&mut Reader::new(Wire::default()), *chunk);
            prop_assert!(ending.is_ok());
            let last_frame = HEADER_LEN + read.last().unwrap().len();
            prop_assert!(chunk.len() - last_frame < size.max(1));
        }
    }

    #[test]
    fn raw_bytes_arrive_as_read(bytes in vec(any::<u8>(), 1..200), read_size in 1_usize..64) {
        let mut reader = Reader::new(Wire::Raw).max_read(Some(read_size));
        let (messages, raw, ending) = read_all(&mut reader, bytes.as_slice());
        prop_assert_eq!(messages.concat(), bytes.clone());
        prop_assert_eq!(raw, bytes);
        prop_assert!(messages.iter().all(|message| (1..=read_size).contains(&message.len())));
        prop_assert!(ending.is_ok());
    }

    #[test]
    fn truncation_at_every_offset_differs_from_a_clean_close(
        (payloads, cuts) in stream_and_cuts(),
    ) {
        let wire = written(&payloads);
        let mut boundaries = vec![0];
        for payload in &payloads {
            boundaries.push(boundaries.last().unwrap() + HEADER_LEN + payload.len());
        }
        for at in 0..=wire.len() {
            let stream = ArbitraryChunks { stream: &wire[..at], cuts: &cuts, at: 0 };
            let mut reader = Reader::new(Wire::default());
            let (read, raw, ending) = read_all(&mut reader, stream);
            let whole = boundaries.iter().filter(|&&boundary| boundary <= at).count() - 1;
            let start = boundaries[whole];
            prop_assert_eq!(&read, &payloads[..whole]);
            prop_assert_eq!(raw.len(), start);
            match ending {
                Ok(()) => prop_assert_eq!(at, start),
                Err(Error::Truncated { got, expected }) => {
                    prop_assert_eq!(got, at - start);
                    prop_assert!(got > 0);
                    let size = HEADER_LEN + payloads[whole].len();
                    prop_assert_eq!(expected, (got >= HEADER_LEN).then_some(size));
                }
                Err(error) => prop_assert!(false, "{error}"),
            }
        }
    }

    #[test]
    fn the_limit_is_exact_in_both_directions(max in 1_usize..200, before in 0_usize..3) {
        for len in [max - 1, max, max + 1] {
            let allowed = len <= max;
            let payload = vec![7; len];
            let mut writer = Writer::new(limit(max as u64));
            prop_assert_eq!(writer.add(&payload).is_ok(), allowed);
            prop_assert_eq!(writer.as_bytes().is_empty(), !allowed);

            let mut payloads = vec![vec![1]; before];
            payloads.push(payload);
            let mut reader = Reader::new(limit(max as u64));
            let wire = written(&payloads);
            let (read, _, ending) = read_all(&mut reader, wire.as_slice());
            if allowed {
                prop_assert_eq!(read.len(), payloads.len());
                prop_assert!(ending.is_ok());
            } else {
                prop_assert_eq!(read.len(), before, "frames before the bad one arrive");
                let refused = FrameError::TooLarge { len: len as u64, max: u32::try_from(max).unwrap() };
                let Err(Error::Refused { error, .. }) = ending else { panic!("not refused") };
                prop_assert_eq!(error, refused);
            }
        }
    }

    /// Headers are drawn so that half of the streams are invalid somewhere.
    #[test]
    fn agrees_with_tokio_util(
        frames in vec((any::<u8>(), 0_u32..24, 0_usize..24), 0..8),
        tail in vec(any::<u8>(), 0..6),
        cuts in cuts(160),
        max in 1_usize..20,
    ) {
        let mut wire = Vec::new();
        for (flags, announced, sent) in frames {
            // Reserved flags only: tokio-util reads the others as a length.
            let flags = if flags < 16 { (u32::from(flags) % 3 + 1) << 28 } else { 0 };
            let sent = if flags == 0 { announced as usize } else { sent };
            wire.extend_from_slice(&(flags | announced).to_be_bytes());
            wire.extend(std::iter::repeat_n(0x5a, sent));
        }
        wire.extend(tail.iter().map(|byte| byte & 0x3f));
        assert_agreement(&wire, &cuts, max);
    }
}

#[derive(Debug, PartialEq)]
enum HowItEnds {
    Closed,
    Refused,
    Truncated,
}

/// The same bytes in the same chunks give the same frames after each chunk, and
/// end at the same place and in the same way, as in tokio-util.
fn assert_agreement(wire: &[u8], cuts: &[usize], max: usize) {
    let mut ours = Reader::new(limit(max as u64));
    let mut theirs = LengthDelimitedCodec::builder()
        .max_frame_length(max)
        .new_codec();
    let mut buffered = BytesMut::new();
    let mut stream = ArbitraryChunks {
        stream: wire,
        cuts,
        at: 0,
    };
    loop {
        let before = stream.at;
        let (mut our_frames, mut our_end) = (Vec::new(), None);
        match ours.read(&mut stream) {
            Ok(Received::Batch(batch)) => {
                our_frames = payloads_of(&batch);
            }
            Ok(Received::Closed) => our_end = Some(HowItEnds::Closed),
            Err(Error::Refused { .. }) => our_end = Some(HowItEnds::Refused),
            Err(Error::Truncated { .. }) => our_end = Some(HowItEnds::Truncated),
            Err(error) => panic!("{error}"),
        }
        // A bad header after complete frames is returned by the next call.
        let after = stream.at;
        if our_end.is_none() && ours.read(&mut io::empty()).is_err_and(|e| is_refusal(&e)) {
            our_end = Some(HowItEnds::Refused);
        }

        buffered.extend_from_slice(&wire[before..after]);
        let at_end = before == after;
        let mut their_frames = Vec::new();
        let their_end = loop {
            let decoded = if at_end {
                theirs.decode_eof(&mut buffered)
            } else {
                theirs.decode(&mut buffered)
            };
            match decoded {
                Ok(Some(frame)) => their_frames.push(frame.to_vec()),
                Ok(None) => break at_end.then_some(HowItEnds::Closed),
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    break Some(HowItEnds::Refused);
                }
                Err(_) => break Some(HowItEnds::Truncated),
            }
        };
        assert_eq!(our_frames, their_frames);
        assert_eq!(our_end, their_end);
        if our_end.is_some() {
            return;
        }
    }
}

fn is_refusal(error: &Error) -> bool {
    matches!(error, Error::Refused { .. })
}

/// Each of the 2^19 ways to split a stream of 20 bytes.
#[test]
fn every_partition_of_a_stream_gives_the_same_frames() {
    let payloads = [b"abc".to_vec(), Vec::new(), b"hello".to_vec()];
    let wire = written(&payloads);
    assert_eq!(wire.len(), 20);
    let mut cuts = Vec::with_capacity(20);
    for partition in 0_u32..1 << 19 {
        cuts.clear();
        cuts.extend((1..20).filter(|bit| partition & (1 << (bit - 1)) != 0));
        let mut stream = ArbitraryChunks {
            stream: &wire,
            cuts: &cuts,
            at: 0,
        };
        let mut reader = Reader::new(Wire::default());
        let (mut next, mut reads) = (0, 0);
        while let Received::Batch(batch) = reader.read(&mut stream).unwrap() {
            for frame in payloads_of(&batch) {
                assert_eq!(frame, payloads[next], "cuts at {cuts:?}");
                next += 1;
            }
            reads += 1;
        }
        assert_eq!((next, reads), (3, cuts.len() + 1), "cuts at {cuts:?}");
    }
}

/// A failed read loses nothing: the next one continues.
#[test]
fn a_timeout_between_any_two_bytes_loses_nothing() {
    struct Stutter<'a> {
        stream: &'a [u8],
        ready: bool,
    }
    impl Read for Stutter<'_> {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            self.ready = !self.ready;
            if self.ready {
                let n = buf.len().min(1);
                self.stream.read(&mut buf[..n])
            } else {
                Err(io::ErrorKind::WouldBlock.into())
            }
        }
    }
    let payloads = [b"abc".to_vec(), Vec::new(), vec![9; 5000]];
    let wire = written(&payloads);
    let mut stream = Stutter {
        stream: &wire,
        ready: true,
    };
    let mut reader = Reader::new(Wire::default());
    let mut read = Vec::new();
    loop {
        match reader.read(&mut stream) {
            Ok(Received::Batch(batch)) => read.extend(payloads_of(&batch)),
            Ok(Received::Closed) => break,
            // Shrinking loses nothing either.
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => reader.shrink(),
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(read, payloads);
}

/// An interrupted read is retried; every other error is returned.
#[test]
fn only_interruptions_are_retried() {
    struct Failing<'a>(&'a [u8], Vec<io::ErrorKind>);
    impl Read for Failing<'_> {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            match self.1.pop() {
                Some(kind) => Err(kind.into()),
                None => self.0.read(buf),
            }
        }
    }
    use io::ErrorKind::{ConnectionReset, Interrupted, WouldBlock};
    let kinds = vec![
        Interrupted,
        ConnectionReset,
        WouldBlock,
        Interrupted,
        Interrupted,
    ];
    let mut stream = Failing(b"\0\0\0\x01x", kinds);
    let mut reader = Reader::new(Wire::default());
    for expected in [WouldBlock, ConnectionReset] {
        match reader.read(&mut stream) {
            Err(Error::Io(error)) => assert_eq!(error.kind(), expected),
            other => panic!("{other:?}"),
        }
    }
    let Ok(Received::Batch(batch)) = reader.read(&mut stream) else {
        panic!("no batch");
    };
    assert_eq!(batch.len(), 1);
}

#[test]
fn a_foreign_protocol_is_named_at_the_start_of_a_stream_only() {
    for (first, hint) in [
        (&b"GET / HTTP/1.1\r\n"[..], Some("HTTP")),
        (b"POST /", Some("HTTP")),
        (b"HTTP/1.1 400", Some("HTTP")),
        (b"\x16\x03\x01\x02\x00\x01", Some("TLS")),
        (b"SSH-2.0-OpenSSH_9.6\r\n", Some("SSH")),
        (b"\xff\xff\xff\xff", None),
    ] {
        let refusal = |wire: &[u8]| {
            let mut reader = Reader::new(Wire::default());
            read_all(&mut reader, wire).2.unwrap_err().to_string()
        };
        let at_start = refusal(first);
        match hint {
            Some(hint) => {
                assert!(at_start.ends_with(&format!("; the peer speaks {hint}, not frames")));
            }
            None => assert!(!at_start.contains("speaks"), "{at_start}"),
        }
        let later = refusal(&[&b"\0\0\0\x01x"[..], first].concat());
        assert!(!later.contains("speaks"), "{later}");
        // Also not if a frame came in an earlier read.
        let mut reader = Reader::new(Wire::default());
        assert!(reader.read(&mut &b"\0\0\0\x01x"[..]).is_ok());
        let later = reader.read(&mut { first }).unwrap_err().to_string();
        assert!(!later.contains("speaks"), "{later}");
    }
}
