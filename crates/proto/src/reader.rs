//! From bytes to messages: one read, then every complete frame in it.

use std::io::{self, Read};

use crate::{
    Batch, Error, Foreign, FrameError, Framing, HEADER_LEN, Header, Wire, buffer::Buffer, frame,
};

/// Maximum size of the buffer for frames that fit into it, in bytes. A larger
/// batch would save few system calls and cost cache.
const BATCH: usize = 64 * 1024;

/// Splits a stream of bytes into messages.
///
/// Each [`read`](Self::read) borrows the stream; the reader does not own it. So
/// the caller can write frames back to it while they are borrowed from the
/// buffer.
///
/// # Examples
///
/// An echo of complete frames, straight from the read buffer:
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
    /// Maximum bytes per read.
    max_read: usize,
    /// Maximum size of the buffer for smaller frames.
    batch: usize,
    /// Between calls less than one frame, unless `refused` is set.
    buffer: Buffer,
    /// Bytes of the pending frame, header included, as far as known.
    frame: usize,
    /// Whether the last read filled the room.
    filled: bool,
    /// Whether the stream's first frame is still pending.
    opening: bool,
    /// Why the pending frame is refused.
    refused: Option<(FrameError, Option<Foreign>)>,
}

/// The result of one read.
///
/// # Examples
///
/// A read may return part of a message, and the next one the rest:
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
///
/// The compiler warns of a result that is ignored:
///
/// ```compile_fail
/// # #![deny(unused_must_use)]
/// # let mut reader = proto::Reader::new(proto::Wire::default());
/// reader.read(&mut &b"\0\0\0\x02hi"[..])?; // "hi" is lost
/// # Ok::<(), proto::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "the frames of an ignored batch are lost"]
pub enum Received<'a> {
    /// Bytes arrived. The batch is empty if no frame is complete yet.
    Batch(Batch<'a>),
    /// The peer closed between frames.
    Closed,
}

impl Reader {
    /// Starts at the beginning of a stream.
    ///
    /// The buffer starts with 1 KiB inside the reader and doubles up to 64 KiB
    /// while reads fill it. For a larger frame it doubles whenever the frame's
    /// received part fills it, up to the frame's size: at most twice what has
    /// arrived, whatever the announced length.
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

    /// Sets the maximum bytes per read (at least 1), also the maximum size of
    /// the buffer for smaller frames. By default a read takes as much as the
    /// buffer has room for, so that a large frame needs few reads.
    #[must_use]
    pub fn max_read(mut self, bytes: Option<usize>) -> Self {
        let bytes = bytes.map(|bytes| bytes.max(1));
        self.max_read = bytes.unwrap_or(usize::MAX);
        self.batch = bytes.unwrap_or(BATCH);
        self
    }

    /// Reads once and returns every frame that is complete by then; of raw
    /// bytes, all of them as one message.
    ///
    /// Blocks as long as `stream` does. Frames before a bad one are returned
    /// first; the error follows at the next call.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] for a refused frame, now and at every later call;
    /// [`Error::Truncated`] when the stream ends inside a frame; [`Error::Io`]
    /// when the read fails, after which it may be retried: a timeout loses no
    /// byte. A read after the end of the stream may continue, too, since a file may
    /// have grown.
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

    /// Bytes currently allocated for the buffer, in whole pages: none while it
    /// is small.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        Buffer::allocated(self.buffer.size())
    }

    /// Bytes that the next read will have allocated for the buffer, so that a
    /// budget can be checked first. While the buffer grows, the old and the new
    /// one can both exist.
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
            // A partial frame, or it would have been taken; a refused one
            // needs no more room.
            doubled.min(self.frame).max(size)
        } else {
            size
        }
    }

    /// Grows the buffer for the next read, without blocking. The read would do
    /// so itself.
    ///
    /// # Errors
    ///
    /// `OutOfMemory`; the buffer is unchanged.
    pub fn reserve(&mut self) -> io::Result<()> {
        // The pending bytes are all of the last read, so no byte moves twice.
        self.buffer.compact();
        self.buffer.grow_to(self.next_size())?;
        self.filled = false;
        Ok(())
    }

    /// Frees a buffer that a burst or a large frame has grown, unless it holds
    /// part of a frame. For a stream that has gone quiet: the next burst grows
    /// it again.
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
        // Bytes beyond the room never arrived.
        if n > room_len {
            let reason = format!("the stream reports {n} bytes read into a buffer of {room_len}");
            return Err(io::Error::other(reason));
        }
        self.filled = n == room_len;
        self.buffer.arrived(n);
        Ok(n)
    }

    /// The end of the stream: clean, or inside a frame.
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

    /// Checks the complete pending frames, and notes the size of the first
    /// incomplete one.
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
                    // On a 32-bit machine, decompressed lengths can exceed it.
                    cut.payload = cut.payload.saturating_add(payload);
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

/// Complete messages: count, bytes on the wire, payload bytes.
#[derive(Clone, Copy, Default)]
struct Cut {
    count: usize,
    bytes: usize,
    payload: usize,
}

/// The first frame of some bytes; sizes in bytes, the header included.
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
