//! However a stream is split, it yields the same frames and the same end;
//! memory follows the bytes received.
#![no_main]

use std::io::{self, Read};

use libfuzzer_sys::fuzz_target;
use proto::{Framing, MaxFrame, Reader, Wire};
use proto_fuzz::read_all;

/// A stream in chunks of 1 to 255 bytes, with repeating sizes; a size of 0 is a
/// pause.
struct FuzzChunks<'a> {
    stream: &'a [u8],
    sizes: std::iter::Cycle<std::slice::Iter<'a, u8>>,
    arrived: usize,
}

impl Read for FuzzChunks<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        // A buffer doubles only when full; its first size is 1 KiB.
        assert!(buf.len() <= (2 * self.arrived).max(1024));
        let size = self.sizes.next().map_or(1, |&size| size.into());
        if size == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let n = size.min(buf.len());
        let n = self.stream.read(&mut buf[..n])?;
        self.arrived += n;
        Ok(n)
    }
}

fuzz_target!(|data: &[u8]| {
    let Some(([max, read_size, sizes @ ..], stream)) = data.split_first_chunk::<6>() else {
        return;
    };
    let max_frame = MaxFrame::new(u64::from(*max) * 16).unwrap_or(MaxFrame::DEFAULT);
    let wire = Wire::Framed(Framing {
        max_frame,
        ..Framing::default()
    });
    // Only pauses would never end.
    if *sizes == [0; 4] {
        return;
    }
    // Squares reach buffers smaller and larger than a frame.
    let reader = Reader::new(wire).max_read(Some(usize::from(*read_size).pow(2)));
    let mut chunks = FuzzChunks {
        stream,
        sizes: sizes.iter().cycle(),
        arrived: 0,
    };

    let (payloads, raw, ending) = read_all(reader, &mut chunks);
    assert!(stream.starts_with(&raw));
    assert!(ending.is_err() || raw == stream);
    let whole = read_all(Reader::new(wire), &mut &*stream);
    assert_eq!((payloads, raw), (whole.0, whole.1));
    assert_eq!(format!("{ending:?}"), format!("{:?}", whole.2));
});
