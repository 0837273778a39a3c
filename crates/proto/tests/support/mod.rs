//! Streams and readers shared by several tests.
#![allow(dead_code)] // Each test binary has its own copy.

use std::io::{self, Read};

use proptest::{collection::vec, prelude::*};
use proto::{Batch, Error, Framing, MaxFrame, Reader, Received, Wire, Writer};

/// A stream whose reads end at chunk boundaries.
pub(crate) struct ArbitraryChunks<'a> {
    pub(crate) stream: &'a [u8],
    /// The ends of chunks, ascending; the rest of the stream is the last chunk.
    pub(crate) cuts: &'a [usize],
    pub(crate) at: usize,
}

impl Read for ArbitraryChunks<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let end = self
            .cuts
            .iter()
            .copied()
            .find(|&cut| cut > self.at)
            .unwrap_or(self.stream.len())
            .min(self.stream.len());
        let n = (&self.stream[self.at..end]).read(buf)?;
        self.at += n;
        Ok(n)
    }
}

/// All frames of a stream, and how it ended.
pub(crate) fn read_all(
    reader: &mut Reader,
    mut stream: impl Read,
) -> (Vec<Vec<u8>>, Vec<u8>, Result<(), Error>) {
    let (mut payloads, mut raw) = (Vec::new(), Vec::new());
    loop {
        match reader.read(&mut stream) {
            Ok(Received::Batch(batch)) => {
                assert_eq!(batch.len(), batch.frames().count());
                assert_eq!(batch.is_empty(), batch.as_bytes().is_empty());
                payloads.extend(payloads_of(&batch));
                raw.extend_from_slice(batch.as_bytes());
            }
            Ok(Received::Closed) => return (payloads, raw, Ok(())),
            Err(error) => return (payloads, raw, Err(error)),
        }
    }
}

pub(crate) fn payloads_of(batch: &Batch<'_>) -> Vec<Vec<u8>> {
    let mut scratch = Vec::new();
    let frames = batch.frames();
    frames
        .map(|frame| frame.payload(&mut scratch).unwrap().to_vec())
        .collect()
}

pub(crate) fn limit(bytes: u64) -> Wire {
    Wire::Framed(Framing {
        max_frame: MaxFrame::new(bytes).unwrap(),
        ..Framing::default()
    })
}

pub(crate) fn written(payloads: &[Vec<u8>]) -> Vec<u8> {
    written_as(Wire::default(), payloads)
}

pub(crate) fn written_as(wire: Wire, payloads: &[Vec<u8>]) -> Vec<u8> {
    let mut writer = Writer::new(wire);
    let mut wire = Vec::new();
    for payload in payloads {
        writer.add(payload).unwrap();
    }
    writer.write_to(&mut wire).unwrap();
    wire
}

/// Ascending offsets inside a stream of `len` bytes.
pub(crate) fn cuts(len: usize) -> impl Strategy<Value = Vec<usize>> {
    vec(0..=len, 0..12).prop_map(|mut cuts| {
        cuts.sort_unstable();
        cuts
    })
}

pub(crate) fn stream_and_cuts() -> impl Strategy<Value = (Vec<Vec<u8>>, Vec<usize>)> {
    let payloads = vec(vec(any::<u8>(), 0..40), 0..8);
    payloads.prop_flat_map(|payloads| {
        let len = written(&payloads).len();
        (Just(payloads), cuts(len))
    })
}
