//! Small accessors and texts, and the edges of a stream.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod support;

use std::io::{self, Read, Write};

use proto::{
    Batch, Error, Foreign, FrameError, Framing, LimitError, MAX_LEN, MaxFrame, Reader, Received,
    Wire, Writer,
};
use support::written;

fn batch<'a>(reader: &'a mut Reader, mut bytes: &[u8]) -> Batch<'a> {
    match reader.read(&mut bytes) {
        Ok(Received::Batch(batch)) => batch,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_batch_describes_its_contents() {
    let wire = written(&[b"abc".to_vec(), vec![], b"de".to_vec()]);
    for (len, messages, payload, has_partial) in [
        (2, 0, 0, true),
        (7, 1, 3, false),
        (8, 1, 3, true),
        (11, 2, 3, false),
        (16, 2, 3, true),
        (17, 3, 5, false),
    ] {
        let mut reader = Reader::new(Wire::default());
        let batch = batch(&mut reader, &wire[..len]);
        assert_eq!(batch.len(), messages, "{len}");
        assert_eq!(batch.is_empty(), messages == 0, "{len}");
        assert_eq!(batch.payload_len(), payload, "{len}");
        assert_eq!(batch.has_partial(), has_partial, "{len}");
        assert_eq!(batch.as_bytes(), &wire[..messages * 4 + payload]);
        let mut frames = batch.frames();
        for left in (0..messages).rev() {
            assert_eq!(frames.size_hint(), (left + 1, Some(left + 1)));
            assert!(frames.next().is_some());
        }
        assert_eq!(frames.size_hint(), (0, Some(0)));
        assert!(frames.next().is_none() && frames.next().is_none());
    }
    let mut reader = Reader::new(Wire::Raw);
    let batch = batch(&mut reader, b"bare");
    assert_eq!((batch.len(), batch.payload_len()), (1, 4));
    assert!(!batch.has_partial() && !batch.is_empty());
}

#[test]
fn chunks_end_with_the_first_message_that_makes_them_full() {
    let wire = written(&vec![vec![7]; 6]);
    for (size, expected) in [
        (0, &[5; 6][..]),
        (1, &[5; 6]),
        (5, &[5; 6]),
        (6, &[10; 3]),
        (10, &[10; 3]),
        (11, &[15; 2]),
        (29, &[30]),
        (30, &[30]),
        (31, &[30]),
    ] {
        let mut reader = Reader::new(Wire::default());
        let batch = batch(&mut reader, &wire);
        let mut chunks = batch.chunks(size);
        let lengths: Vec<usize> = chunks.by_ref().map(<[u8]>::len).collect();
        assert_eq!(lengths, expected, "{size}");
        assert!(chunks.next().is_none());
    }
}

#[test]
fn a_frame_describes_its_contents() {
    let framing = Framing {
        checksum: true,
        compress: true,
        ..Framing::default()
    };
    let mut writer = Writer::new(Wire::Framed(framing));
    for payload in [&b""[..], b"short", &[b'x'; 1000]] {
        writer.add(payload).unwrap();
    }
    let mut reader = Reader::new(Wire::default());
    let batch = batch(&mut reader, writer.as_bytes());
    let said: Vec<(bool, bool, usize)> = batch
        .frames()
        .map(|frame| (frame.is_empty(), frame.is_compressed(), frame.payload_len()))
        .collect();
    assert_eq!(
        said,
        [(true, false, 0), (false, false, 5), (false, true, 1000)]
    );
}

/// The room of each read, for a stream that fills it.
fn rooms(wire: &[u8], max_read: Option<usize>) -> Vec<usize> {
    struct Rooms<'a>(&'a [u8], Vec<usize>);
    impl Read for Rooms<'_> {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            self.1.push(buf.len());
            self.0.read(buf)
        }
    }
    let mut stream = Rooms(wire, Vec::new());
    let mut reader = Reader::new(Wire::default()).max_read(max_read);
    while matches!(reader.read(&mut stream), Ok(Received::Batch(_))) {}
    stream.1
}

#[test]
fn a_buffer_doubles_while_reads_fill_it() {
    // Every read ends with a complete frame: eight bytes each.
    let small = written(&vec![vec![7; 4]; 100_000]);
    let rooms_of_small = rooms(&small, None);
    let doubled = [1, 2, 4, 8, 16, 32, 64, 64, 64].map(|kib| kib << 10);
    assert_eq!(rooms_of_small[..9], doubled);
    assert!(rooms_of_small[9..].iter().all(|&room| room == 64 << 10));
    let limited = rooms(&small, Some(5000));
    assert_eq!(limited[..5], [1024, 2048, 4096, 5000, 5000]);
    // It starts as small as its limit.
    assert_eq!(rooms(&small, Some(8))[..3], [8, 8, 8]);
    assert_eq!(rooms(&small, Some(0))[..3], [1, 1, 1]);

    // The received part of a large frame stays, and the room is the rest.
    let large = written(&[vec![7; 200_000]]);
    let kib = [1, 1, 2, 4, 8, 16, 32, 64].map(|kib| kib << 10);
    let rooms_of_large = rooms(&large, None);
    assert_eq!(rooms_of_large[..8], kib);
    assert_eq!(rooms_of_large[8], 200_004 - (128 << 10));
}

#[test]
fn an_unfilled_buffer_does_not_grow() {
    let wire = written(&vec![vec![7; 1020 - 1]; 1]);
    let mut reader = Reader::new(Wire::default());
    for part in [&wire[..], &wire, &wire] {
        assert_eq!(batch(&mut reader, part).len(), 1);
        assert_eq!(reader.capacity(), 0);
    }
    // One byte more fills it.
    let wire = written(&[vec![7; 1020]]);
    assert_eq!(batch(&mut reader, &wire).len(), 1);
    assert_eq!((reader.capacity(), reader.next_capacity()), (0, 4096));
}

#[test]
fn an_interrupted_read_is_retried_and_other_errors_returned() {
    struct FailingStream(Vec<Result<&'static [u8], io::ErrorKind>>);
    impl Read for FailingStream {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            match self.0.remove(0) {
                Ok(mut bytes) => bytes.read(buf),
                Err(kind) => Err(kind.into()),
            }
        }
    }
    use io::ErrorKind::{Interrupted, WouldBlock};
    let mut stream = FailingStream(vec![
        Err(Interrupted),
        Err(Interrupted),
        Ok(b"\0\0"),
        Err(WouldBlock),
        Err(Interrupted),
        Ok(b"\0\x01a"),
    ]);
    let mut reader = Reader::new(Wire::default());
    let Ok(Received::Batch(batch)) = reader.read(&mut stream) else {
        panic!("interrupted");
    };
    assert!(batch.is_empty());
    let Err(Error::Io(error)) = reader.read(&mut stream) else {
        panic!("no error");
    };
    assert_eq!(error.kind(), WouldBlock);
    let Ok(Received::Batch(batch)) = reader.read(&mut stream) else {
        panic!("lost by a timeout");
    };
    assert_eq!(batch.as_bytes(), b"\0\0\0\x01a");
}

#[test]
fn a_truncated_frame_reports_how_much_arrived() {
    for (wire, came, of) in [
        (&b"\0"[..], 1, None),
        (b"\0\0\0", 3, None),
        (b"\0\0\0\x02", 4, Some(6)),
        (b"\0\0\0\x02a", 5, Some(6)),
        (b"\0\0\0\x01a\0\0\0\x07abc", 7, Some(11)),
    ] {
        let mut stream = wire;
        let mut reader = Reader::new(Wire::default());
        let error = loop {
            match reader.read(&mut stream) {
                Ok(Received::Batch(_)) => {}
                Ok(Received::Closed) => panic!("closed"),
                Err(error) => break error,
            }
        };
        let Error::Truncated { got, expected } = error else {
            panic!("{error}");
        };
        assert_eq!((got, expected), (came, of), "{wire:?}");
    }
}

#[test]
fn another_protocol_is_named_at_the_beginning_only() {
    let named = |reader: &mut Reader, mut wire: &[u8]| {
        loop {
            match reader.read(&mut wire) {
                Ok(Received::Batch(_)) => {}
                Ok(Received::Closed) => panic!("closed"),
                Err(Error::Refused { foreign, .. }) => return foreign,
                Err(error) => panic!("{error}"),
            }
        }
    };
    let new = || Reader::new(Wire::default());
    assert_eq!(named(&mut new(), b"GET / HTTP"), Some(Foreign::Http));
    assert_eq!(named(&mut new(), b"\0\0\0\0GET / HTTP"), None);
    // The earlier frame came in its own read.
    let mut reader = new();
    assert_eq!(batch(&mut reader, b"\0\0\0\0").len(), 1);
    assert_eq!(named(&mut reader, b"GET / HTTP"), None);
    // A partial header is not a frame.
    let mut reader = new();
    assert!(batch(&mut reader, b"GE").is_empty());
    assert_eq!(named(&mut reader, b"T / HTTP"), Some(Foreign::Http));
    // The same at every later call.
    assert_eq!(named(&mut reader, b"\0\0\0\0"), Some(Foreign::Http));

    for (first, protocol, name) in [
        (b"POST", Foreign::Http, "HTTP"),
        (b"HTTP", Foreign::Http, "HTTP"),
        (b"\x15\x03\x03\0", Foreign::Tls, "TLS"),
        (b"\x16\x03\x01\x02", Foreign::Tls, "TLS"),
        (b"SSH-", Foreign::Ssh, "SSH"),
    ] {
        assert_eq!(Foreign::detect(*first), Some(protocol));
        assert_eq!(protocol.to_string(), name);
    }
    assert_eq!(Foreign::detect(*b"\x16\x02\x01\x02"), None);
}

#[test]
fn every_refusal_has_its_text() {
    for (error, text) in [
        (
            FrameError::TooLarge { len: 9, max: 8 },
            "frame of 9 bytes exceeds the limit of 8",
        ),
        (
            FrameError::ReservedFlags {
                header: 0x2000_0001,
            },
            "reserved flag bit 29 is set in header 0x20000001",
        ),
        (
            FrameError::ReservedFlags {
                header: 0x1000_0001,
            },
            "reserved flag bit 28 is set in header 0x10000001",
        ),
        (
            FrameError::ReservedFlags {
                header: 0xf000_0000,
            },
            "reserved flag bits 29 and 28 are set in header 0xf0000000",
        ),
        (
            FrameError::TooShort {
                header: 0x8000_0003,
            },
            "header 0x80000003 announces fewer bytes than its flags need",
        ),
        (
            FrameError::BadCompression {
                original: 7,
                reason: "its block is not LZ4",
            },
            "bad compression: 7 bytes announced, its block is not LZ4",
        ),
    ] {
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn a_limit_is_a_number_within_the_format() {
    let largest = u64::from(MAX_LEN);
    for bytes in [1, 2, 65_536, largest] {
        let limit = MaxFrame::new(bytes).unwrap();
        assert_eq!(u64::from(limit.get()), bytes);
        assert_eq!(limit.to_string(), bytes.to_string());
        assert_eq!(bytes.to_string().parse(), Ok(limit));
        assert_eq!(MaxFrame::try_from(bytes), Ok(limit));
    }
    for bytes in [0, largest + 1, u64::from(u32::MAX) + 2] {
        let error = LimitError::OutOfRange { bytes };
        assert_eq!(MaxFrame::new(bytes), Err(error));
        let text = format!("a frame limit of {bytes} bytes is not between 1 and 268435455");
        assert_eq!(error.to_string(), text);
    }
    for text in ["", "x", "-1", "1k"] {
        let error: LimitError = text.parse::<MaxFrame>().unwrap_err();
        assert_eq!(error, LimitError::NotANumber);
        let said = "a frame limit is a whole number of bytes between 1 and 268435455";
        assert_eq!(error.to_string(), said);
    }
    assert_eq!(MaxFrame::default(), MaxFrame::DEFAULT);
    assert_eq!(MaxFrame::DEFAULT.get(), 8 << 20);
}

#[test]
fn a_writer_writes_once_flushes_and_forgets() {
    #[derive(Default)]
    struct WriteLog(Vec<String>);
    impl Write for WriteLog {
        fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
            self.0.push(format!("{buf:?}"));
            Ok(buf.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            self.0.push("flush".to_owned());
            Ok(())
        }
    }
    for (wire, bytes) in [
        (Wire::Raw, &b"abc"[..]),
        (Wire::default(), b"\0\0\0\x03abc"),
    ] {
        let mut writer = Writer::new(wire);
        writer.add_parts(&[b"a", b"", b"bc"]).unwrap();
        assert_eq!(writer.as_bytes(), bytes);
        let mut log = WriteLog::default();
        writer.write_to(&mut log).unwrap();
        assert_eq!(log.0, [format!("{bytes:?}"), "flush".to_owned()]);
        assert!(writer.as_bytes().is_empty());
        writer.add(b"x").unwrap();
        writer.clear();
        assert!(writer.as_bytes().is_empty());
    }
}
