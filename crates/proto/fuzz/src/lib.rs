//! Helpers for several fuzz targets.

use std::io::{ErrorKind, Read};

use proto::{Error, Reader, Received};

/// All payloads of a stream, their bytes on the wire, and how it ended.
pub fn read_all(
    mut reader: Reader,
    stream: &mut impl Read,
) -> (Vec<Vec<u8>>, Vec<u8>, Result<(), Error>) {
    let (mut payloads, mut raw, mut scratch) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        match reader.read(stream) {
            Ok(Received::Batch(batch)) => {
                let before = payloads.len();
                let frames = batch.frames();
                payloads.extend(frames.map(|frame| frame.payload(&mut scratch).unwrap().to_vec()));
                assert_eq!(batch.len(), payloads.len() - before);
                assert_eq!(batch.payload_len(), payloads[before..].concat().len());
                raw.extend_from_slice(batch.as_bytes());
            }
            Ok(Received::Closed) => return (payloads, raw, Ok(())),
            // Shrinking at a pause loses nothing.
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => reader.shrink(),
            Err(error) => return (payloads, raw, Err(error)),
        }
    }
}
