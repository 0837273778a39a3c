//! The complete messages of a read, still in the read buffer.

use std::iter::FusedIterator;

use crate::{Frame, HEADER_LEN, Header, Wire};

/// The messages that were complete after a read, in order.
///
/// # Examples
///
/// ```
/// use proto::{Reader, Received, Wire};
///
/// let mut reader = Reader::new(Wire::default());
/// let Received::Batch(batch) = reader.read(&mut &b"\0\0\0\x01a\0\0\0\0\0\0"[..])? else {
///     panic!("closed");
/// };
/// assert_eq!(batch.len(), 2);
/// assert_eq!(batch.payload_len(), 1);
/// assert_eq!(batch.as_bytes(), b"\0\0\0\x01a\0\0\0\0");
/// assert!(batch.has_partial()); // half a header
/// # Ok::<(), proto::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    pub(crate) wire: Wire,
    pub(crate) bytes: &'a [u8],
    pub(crate) count: usize,
    pub(crate) payload: usize,
    pub(crate) partial: bool,
}

impl<'a> Batch<'a> {
    /// Number of messages; zero while the first is incomplete.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether no message is complete yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Payload bytes of all messages, decompressed. Saturates at
    /// `usize::MAX`, which only compressed frames on a 32-bit machine exceed.
    #[must_use]
    pub const fn payload_len(&self) -> usize {
        self.payload
    }

    /// Whether a part of another frame follows the messages.
    #[must_use]
    pub const fn has_partial(&self) -> bool {
        self.partial
    }

    /// The messages as on the wire, headers included, ready to echo.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The same bytes in chunks of complete messages. Each chunk ends with the
    /// first message that brings it to `size` bytes or more; the last may be
    /// smaller.
    #[must_use]
    pub const fn chunks(&self, size: usize) -> Chunks<'a> {
        Chunks {
            frames: self.frames(),
            size: if size == 0 { 1 } else { size },
        }
    }

    /// The messages, one by one; of raw bytes, the whole read.
    #[must_use]
    pub const fn frames(&self) -> Frames<'a> {
        Frames {
            wire: self.wire,
            bytes: self.bytes,
            left: self.count,
        }
    }
}

/// A [`Batch`]'s bytes, in [chunks](Batch::chunks) of complete messages.
///
/// # Examples
///
/// ```
/// # use proto::{Reader, Received, Wire};
/// # let mut reader = Reader::new(Wire::default());
/// # let Received::Batch(batch) = reader.read(&mut &b"\0\0\0\x01a\0\0\0\x01b\0\0\0\x01c"[..])? else {
/// #     panic!("closed");
/// # };
/// // Three frames of five bytes.
/// let chunks: Vec<usize> = batch.chunks(6).map(<[u8]>::len).collect();
/// assert_eq!(chunks, [10, 5]);
/// # Ok::<(), proto::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Chunks<'a> {
    frames: Frames<'a>,
    /// At least 1.
    size: usize,
}

impl<'a> Iterator for Chunks<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let all = self.frames.bytes;
        if self.size >= all.len() {
            // The usual case, which needs no frame boundaries.
            (self.frames.bytes, self.frames.left) = (&[], 0);
        }
        while all.len() - self.frames.bytes.len() < self.size && self.frames.next().is_some() {}
        let chunk = all.get(..all.len() - self.frames.bytes.len())?;
        (!chunk.is_empty()).then_some(chunk)
    }
}

impl FusedIterator for Chunks<'_> {}

/// The [messages](Batch::frames) of a [`Batch`], checked when they were read.
///
/// # Examples
///
/// ```
/// # use proto::{Reader, Received, Wire};
/// # let mut reader = Reader::new(Wire::default());
/// # let Received::Batch(batch) = reader.read(&mut &b"\0\0\0\x01a\0\0\0\x01b"[..])? else {
/// #     panic!("closed");
/// # };
/// let mut frames = batch.frames();
/// assert_eq!(frames.len(), 2);
/// let first = frames.next().unwrap();
/// assert_eq!(first.payload(&mut Vec::new())?, b"a");
/// assert_eq!(frames.len(), 1);
/// # Ok::<(), proto::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Frames<'a> {
    wire: Wire,
    bytes: &'a [u8],
    left: usize,
}

impl<'a> Iterator for Frames<'a> {
    type Item = Frame<'a>;

    fn next(&mut self) -> Option<Frame<'a>> {
        self.left = self.left.checked_sub(1)?;
        let Wire::Framed(framing) = self.wire else {
            return Some(Frame::bare(std::mem::take(&mut self.bytes)));
        };
        let header = Header::decode(*self.bytes.first_chunk()?, framing).ok()?;
        let size = HEADER_LEN + header.len as usize;
        let (frame, rest) = self.bytes.split_at_checked(size)?;
        self.bytes = rest;
        Some(Frame::split(header, frame))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Frames<'_> {}

impl FusedIterator for Frames<'_> {}
