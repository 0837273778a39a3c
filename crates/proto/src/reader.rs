//! From bytes to messages: one read at a time, every whole frame of it at once.

use std::io::{self, Read};

use crate::{
    Batch, Error, Foreign, FrameError, Framing, HEADER_LEN, Header, Wire, buffer::Buffer, frame,
};

/// Most that the buffer grows to for messages that fit into it, in bytes. More
/// of them at once would save few system calls and cost cache.
const BATCH: usize = 64 * 1024;

/// Cuts a stream of bytes into messages.
///
/// The stream is handed to every [`read`](Self::read) rather than owned, so
/// that the caller can write the frames back to it while they are still
/// borrowed from the buffer.
///
/// # Examples
///
/// An echo of whole frames, straight from the read buffer:
///
/// ```
/// use std::io::{Read, Write};
///
/// use proto::{Error, Reader, Received, Wire};
///
/// fn echo(mut stream: impl Read + Write) -> Result<(), Error> {
///     let mut reader = Reader::new(Wire::default());
///     loop {
///         match reader.read(&mut stream)? {
///             Received::Batch(batch) => stream.write_all(batch.as_bytes())?,
///             Received::Closed => return Ok(()),
///         }
///     }
/// }
/// # echo(std::io::Cursor::new(Vec::new()))?;
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct Reader {
    wire: Wire,
    /// Most bytes that one read takes.
    max_read: usize,
    /// Most bytes that the buffer grows to for frames that are smaller.
    batch: usize,
    /// Between calls less than one frame, unless `refused` is set.
    buffer: Buffer,
    /// Bytes of the frame that is pending, header included, as far as is known.
    frame: usize,
    /// Whether the last read took all the room there was.
    filled: bool,
    /// Whether the stream's first frame is still to come.
    opening: bool,
    /// Why the frame that is pending cannot be accepted.
    refused: Option<(FrameError, Option<Foreign>)>,
}

/// What one read brought.
///
/// # Examples
///
/// A read may bring a part of a message, and the next one its rest:
///
/// ```
/// use proto::{Reader, Received, Wire};
///
/// let mut reader = Reader::new(Wire::default());
/// for (part, messages) in [(&b"\0\0\0\x02h"[..], 0), (b"i", 1)] {
///     match reader.read(&mut { part })? {
///         Received::Batch(batch) => assert_eq!(batch.len(), messages),
///         Received::Closed => panic!("closed"),
///     }
/// }
/// assert!(matches!(reader.read(&mut std::io::empty())?, Received::Closed));
/// # Ok::<(), proto::Error>(())
/// ```
#[derive(Debug)]
pub enum Received<'a> {
    /// Bytes arrived. There may be no whole frame among them yet.
    Batch(Batch<'a>),
    /// The peer closed, and not inside a frame.
    Closed,
}

impl Reader {
    /// Starts at the beginning of a stream.
    ///
    /// The buffer begins with 1 KiB, which is a part of the reader, and is doubled
    /// up to 64 KiB while reads fill it. For a larger frame it is doubled
    /// whenever what has arrived of the frame fills it, up to the frame's size: it
    /// is at most twice what arrived, whatever length is announced.
    #[must_use]
    pub const fn new(wire: Wire) -> Self {
        Self {
            wire,
            max_read: usize::MAX,
            batch: BATCH,
            buffer: Buffer::new(),
            frame: HEADER_LEN,
            filled: false,
            opening: true,
            refused: None,
        }
    }

    /// Sets the most bytes that one read takes (at least 1), and that the
    /// buffer grows to for frames that are smaller. Without, a read takes what
    /// the buffer has room for, so that a large frame needs few.
    #[must_use]
    pub fn max_read(mut self, bytes: Option<usize>) -> Self {
        let bytes = bytes.map(|bytes| bytes.max(1));
        self.max_read = bytes.unwrap_or(usize::MAX);
        self.batch = bytes.unwrap_or(BATCH);
        self
    }

    /// Reads once and hands over every frame that is whole by then; of bare
    /// bytes, all of them as one message.
    ///
    /// Blocks as long as `stream` does. Frames that arrived in front of a bad
    /// one are handed over first; the error follows at the next call.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] for a frame that is refused, at once and again at
    /// every later call; [`Error::Truncated`] when the stream ends inside a
    /// frame; [`Error::Io`] when the read fails, after which it may be tried
    /// again: no byte is lost by a timeout.
    pub fn read(&mut self, stream: &mut impl Read) -> Result<Received<'_>, Error> {
        if let Some((error, foreign)) = self.refused {
            return Err(Error::Refused { error, foreign });
        }
        self.reserve()?;
        if self.fill(stream)? == 0 {
            return self.ending();
        }
        let cut = self.cut();
        match self.refused {
            Some((error, foreign)) if cut.count == 0 => Err(Error::Refused { error, foreign }),
            _ => {
                self.opening &= cut.count == 0;
                let partial = cut.bytes < self.buffer.len();
                Ok(Received::Batch(Batch {
                    wire: self.wire,
                    bytes: self.buffer.take(cut.bytes),
                    count: cut.count,
                    payload: cut.payload,
                    partial,
                }))
            }
        }
    }

    /// Bytes that are allocated for the buffer at the moment, in whole pages:
    /// none while it is small.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        Buffer::allocated(self.buffer.size())
    }

    /// Bytes that will be allocated for the buffer during the next read: so that
    /// a budget for many readers can be asked before. While the buffer grows,
    /// the old one and the new one can both be there.
    #[inline]
    #[must_use]
    pub fn next_capacity(&self) -> usize {
        Buffer::allocated(self.next_size())
    }

    /// The size of the buffer that the next read needs.
    #[inline]
    fn next_size(&self) -> usize {
        let size = self.buffer.size();
        let doubled = size.saturating_mul(2);
        let is_full = self.buffer.len() == size;
        if size == 0 {
            Buffer::FIRST.min(self.batch)
        } else if size < self.batch && (is_full || self.filled) {
            doubled.min(self.batch)
        } else if is_full {
            // A part of a frame, or it would have been handed over.
            doubled.min(self.frame)
        } else {
            size
        }
    }

    /// Makes the buffer as large as the next read needs it, and never waits. That
    /// read would do so itself.
    ///
    /// # Errors
    ///
    /// `OutOfMemory`; the buffer is as it was.
    pub fn reserve(&mut self) -> io::Result<()> {
        // What is left all came with the last read, so no byte moves twice.
        self.buffer.compact();
        self.buffer.grow_to(self.next_size())?;
        self.filled = false;
        Ok(())
    }

    /// Gives back what a burst or a large frame made the buffer grow to, unless
    /// a part of a frame is in it. For a stream that has become quiet: the next
    /// burst makes it grow again.
    pub fn shrink(&mut self) {
        if self.buffer.len() == 0 {
            self.buffer.release();
        }
    }

    fn fill(&mut self, stream: &mut impl Read) -> io::Result<usize> {
        let room = self.buffer.room(self.max_read);
        let room_len = room.len();
        let n = loop {
            match stream.read(room) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.filled = n == room_len;
        self.buffer.arrived(n);
        Ok(n)
    }

    /// The stream is at its end: cleanly, or inside a frame?
    fn ending(&self) -> Result<Received<'_>, Error> {
        let got = self.buffer.len();
        if got == 0 {
            return Ok(Received::Closed);
        }
        Err(Error::Truncated {
            got,
            expected: (got >= HEADER_LEN).then_some(self.frame),
        })
    }

    /// Checks the frames that are pending, as far as they are whole, and notes
    /// the size of the first that is not.
    fn cut(&mut self) -> Cut {
        let pending = self.buffer.pending();
        let Wire::Framed(framing) = self.wire else {
            return Cut {
                count: 1,
                bytes: pending.len(),
                payload: pending.len(),
            };
        };
        let mut cut = Cut::default();
        self.frame = HEADER_LEN;
        while let Some(rest) = pending.get(cut.bytes..)
            && let Some(first) = rest.first_chunk()
        {
            match first_frame(*first, rest, framing) {
                Ok(First::Whole { size, payload }) => {
                    cut.count += 1;
                    cut.bytes += size;
                    cut.payload += payload;
                }
                Ok(First::Partial { size }) => {
                    self.frame = size;
                    break;
                }
                Err(error) => {
                    let opening = self.opening && cut.count == 0;
                    let foreign = opening.then(|| Foreign::detect(*first)).flatten();
                    self.refused = Some((error, foreign));
                    break;
                }
            }
        }
        cut
    }
}

/// Whole messages: how many, their bytes on the wire, their bytes of payload.
#[derive(Clone, Copy, Default)]
struct Cut {
    count: usize,
    bytes: usize,
    payload: usize,
}

/// The frame that some bytes begin with; sizes in bytes, the header included.
enum First {
    Whole { size: usize, payload: usize },
    Partial { size: usize },
}

#[inline]
fn first_frame(
    first: [u8; HEADER_LEN],
    bytes: &[u8],
    framing: Framing,
) -> Result<First, FrameError> {
    let header = Header::decode(first, framing)?;
    let len = header.len as usize;
    let size = HEADER_LEN + len;
    if bytes.len() < size {
        return Ok(First::Partial { size });
    }
    let payload = if header.checksum || header.compressed {
        let raw = bytes.get(..size).unwrap_or_default();
        frame::check(header, raw, framing.max_frame)?
    } else {
        len
    };
    Ok(First::Whole { size, payload })
}
