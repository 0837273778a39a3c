//! What a read brought: whole messages, still in the read buffer.

use crate::{Frame, HEADER_LEN, Header, Wire};

/// The messages that were whole after a read, one behind the other.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    pub(crate) wire: Wire,
    pub(crate) raw: &'a [u8],
    pub(crate) count: usize,
    pub(crate) payload: usize,
    pub(crate) split: bool,
}

impl<'a> Batch<'a> {
    /// How many messages there are; zero while the first is incomplete.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether there is no whole message yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes of payload in all of them, decompressed.
    #[must_use]
    pub const fn payload_len(&self) -> usize {
        self.payload
    }

    /// Whether the read ended inside the next frame.
    #[must_use]
    pub const fn is_split(&self) -> bool {
        self.split
    }

    /// The messages as they were on the wire, headers included: what an echo
    /// sends back.
    #[must_use]
    pub const fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// The same bytes, in lumps that each hold whole messages and at least
    /// `size` bytes, but for the last.
    #[must_use]
    pub const fn lumps(&self, size: usize) -> Lumps<'a> {
        Lumps {
            frames: self.frames(),
            size,
        }
    }

    /// The messages, one by one; of bare bytes, the whole read.
    #[must_use]
    pub const fn frames(&self) -> Frames<'a> {
        Frames {
            wire: self.wire,
            raw: self.raw,
        }
    }
}

/// Messages that were checked before, in lumps.
#[derive(Clone, Debug)]
pub struct Lumps<'a> {
    frames: Frames<'a>,
    size: usize,
}

impl<'a> Iterator for Lumps<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let all = self.frames.raw;
        if self.size >= all.len() {
            // The usual case, and it need not know where messages end.
            self.frames.raw = &[];
        }
        while !self.frames.raw.is_empty() && all.len() - self.frames.raw.len() < self.size {
            self.frames.next()?;
        }
        let lump = all.get(..all.len() - self.frames.raw.len())?;
        (!lump.is_empty()).then_some(lump)
    }
}

/// Messages that were checked before.
#[derive(Clone, Debug)]
pub struct Frames<'a> {
    wire: Wire,
    raw: &'a [u8],
}

impl<'a> Iterator for Frames<'a> {
    type Item = Frame<'a>;

    fn next(&mut self) -> Option<Frame<'a>> {
        let first = match self.wire {
            Wire::Framed(framing) => {
                let header = Header::decode(*self.raw.first_chunk()?, framing).ok()?;
                let size = HEADER_LEN + header.len as usize;
                let (raw, rest) = self.raw.split_at_checked(size)?;
                self.raw = rest;
                Frame::split(header, raw)
            }
            Wire::Raw if self.raw.is_empty() => return None,
            Wire::Raw => Frame::bare(std::mem::take(&mut self.raw)),
        };
        Some(first)
    }
}
