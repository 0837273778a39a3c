//! From bytes to messages: one read at a time, every whole frame of it at once.

use std::io::{self, Read};

use crate::{Batch, Error, Foreign, FrameError, Framing, HEADER_LEN, Header, Wire, frame};

/// First size of the buffer, in bytes. Less than a page, so that connections
/// with small messages share pages: ten thousand of them cost 10 MB, not the
/// 640 of full buffers.
const FIRST_BUFFER: usize = 1024;

/// Most that the buffer grows to for messages that fit into it, in bytes. More
/// of them at once would save few system calls and cost cache.
const BATCH: usize = 64 * 1024;

/// Least that is allocated for a buffer that has grown, in bytes; what is not
/// touched of it costs no memory.
///
/// Allocators map a block of this size on its own, and it goes back to the
/// system when it is freed: it exceeds glibc's `M_MMAP_THRESHOLD` and what an
/// arena may have left (`M_TRIM_THRESHOLD` and `M_TOP_PAD`, 128 KiB each).
/// Smaller blocks stay with the process for as long as any later one is in use:
/// 2,000 connections kept the 60 KiB that each once had a burst of.
const OWN_MAPPING: usize = 256 * 1024;

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
    /// Initialised to its whole length; `start..end` is what has arrived and
    /// was not handed over. Between calls that is less than one frame, unless
    /// `refused` is set.
    buf: Vec<u8>,
    start: usize,
    end: usize,
    /// Bytes of the frame at `start`, header included, as far as is known.
    frame: usize,
    /// Whether the last read took all the room there was.
    filled: bool,
    /// Whether the stream's first frame is still to come.
    opening: bool,
    /// Why the frame at `start` cannot be accepted.
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
    /// The buffer begins with 1 KiB, and is doubled up to 64 KiB while reads
    /// fill it. For a larger frame it is doubled whenever what has arrived of
    /// the frame fills it, up to the frame's size: it holds less than twice
    /// what arrived, whatever length is announced.
    #[must_use]
    pub const fn new(wire: Wire) -> Self {
        Self {
            wire,
            max_read: usize::MAX,
            batch: BATCH,
            buf: Vec::new(),
            start: 0,
            end: 0,
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
                let whole = self.start..self.start + cut.bytes;
                self.start = whole.end;
                self.opening &= cut.count == 0;
                Ok(Received::Batch(Batch {
                    wire: self.wire,
                    bytes: self.buf.get(whole).unwrap_or_default(),
                    count: cut.count,
                    payload: cut.payload,
                    partial: self.start < self.end,
                }))
            }
        }
    }

    /// Bytes that the buffer holds at the moment. What is allocated beyond it
    /// was never touched.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.buf.len()
    }

    /// Bytes that the buffer will hold during the next read: so that a budget
    /// for many readers can be asked before. While the buffer grows, the old
    /// one and the new one can both be there.
    #[must_use]
    pub fn next_capacity(&self) -> usize {
        let size = self.buf.len();
        let doubled = size.saturating_mul(2);
        let is_full = self.end - self.start == size;
        if size == 0 {
            FIRST_BUFFER.min(self.batch)
        } else if size < self.batch && (is_full || self.filled) {
            doubled.min(self.batch)
        } else if is_full {
            // A part of a frame, or it would have been handed over.
            doubled.min(self.frame)
        } else {
            size
        }
    }

    /// Makes the buffer as large as the next read needs it. That read would do
    /// so itself; here it takes no longer than it takes, and never waits.
    ///
    /// # Errors
    ///
    /// `OutOfMemory`; the buffer is as it was.
    pub fn reserve(&mut self) -> io::Result<()> {
        if self.start > 0 {
            // What is left all came with the last read, so no byte moves twice.
            self.buf.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        let size = self.next_capacity();
        if size > self.buf.len() {
            let allocated = if size > FIRST_BUFFER {
                size.max(OWN_MAPPING)
            } else {
                size
            };
            // A machine without memory is no reason to abort: others go on.
            self.buf.try_reserve_exact(allocated - self.buf.len())?;
            self.buf.resize(size, 0);
        }
        self.filled = false;
        Ok(())
    }

    /// Whether the buffer has grown since the stream began or was last
    /// [shrunk](Self::shrink).
    #[must_use]
    pub const fn has_grown(&self) -> bool {
        self.buf.len() > FIRST_BUFFER
    }

    /// Gives back what a burst or a large frame made the buffer grow to, unless
    /// a part of a frame is in it. For a stream that has become quiet: the next
    /// burst makes it grow again.
    pub fn shrink(&mut self) {
        if self.start == self.end {
            release(&mut self.buf);
            (self.start, self.end) = (0, 0);
        }
    }

    fn fill(&mut self, stream: &mut impl Read) -> io::Result<usize> {
        let room = self.buf.get_mut(self.end..).unwrap_or_default();
        let room_len = room.len().min(self.max_read);
        let room = room.get_mut(..room_len).unwrap_or_default();
        loop {
            match stream.read(room) {
                Ok(n) => {
                    self.filled = n == room_len;
                    self.end += n.min(room_len);
                    return Ok(n);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The stream is at its end: cleanly, or inside a frame?
    fn ending(&self) -> Result<Received<'_>, Error> {
        let got = self.end - self.start;
        if got == 0 {
            return Ok(Received::Closed);
        }
        Err(Error::Truncated {
            got,
            expected: (got >= HEADER_LEN).then_some(self.frame),
        })
    }

    /// Checks the frames from `start` on, as far as they are whole, and notes
    /// the size of the first that is not.
    fn cut(&mut self) -> Cut {
        let pending = self.buf.get(self.start..self.end).unwrap_or_default();
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

impl Drop for Reader {
    fn drop(&mut self) {
        release(&mut self.buf);
    }
}

/// Gives memory back to the system.
///
/// A mapped block that is freed whole is a habit to glibc: from then on it maps
/// none of that size, and keeps twice as much in every arena (mallopt(3),
/// `M_MMAP_THRESHOLD`). Cut before, a block leaves nothing behind.
fn release(buf: &mut Vec<u8>) {
    buf.truncate(FIRST_BUFFER);
    buf.shrink_to_fit();
    *buf = Vec::new();
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
