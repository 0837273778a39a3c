//! From bytes to messages: one read at a time, every whole frame of it at once.

use std::io::{self, Read};

use crate::{Batch, Error, Foreign, FrameError, Framing, HEADER_LEN, Header, Wire, frame};

/// First size of the buffer, in bytes. Less than a page, so that connections
/// with small messages share pages: ten thousand of them cost 10 MB, not the
/// 640 of full buffers.
const FIRST_BUFFER: usize = 1024;

/// Most that the buffer grows at once for a frame larger than itself, in
/// bytes, so that memory follows what arrived and never what was announced.
const GROWTH: usize = 64 * 1024;

/// Cuts a stream of bytes into messages.
///
/// The stream is handed to every [`read`](Self::read) rather than owned, so
/// that the caller can write the frames back to it while they are still
/// borrowed from the buffer.
#[derive(Debug)]
pub struct Reader {
    wire: Wire,
    /// Most bytes that one read takes.
    read_size: usize,
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
    /// `read_size` is the most bytes that one read takes (at least 1). The
    /// buffer begins with 1 KiB, is doubled up to `read_size` while reads fill
    /// it, and grows past that by at most 64 KiB at a time for as long as a
    /// frame really arrives.
    #[must_use]
    pub fn new(wire: Wire, read_size: usize) -> Self {
        Self {
            wire,
            read_size: read_size.max(1),
            buf: Vec::new(),
            start: 0,
            end: 0,
            frame: HEADER_LEN,
            filled: false,
            opening: true,
            refused: None,
        }
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
        self.make_room()?;
        if self.fill(stream)? == 0 {
            return self.ending();
        }
        let cut = self.cut();
        match self.refused {
            Some((error, foreign)) if cut.count == 0 => Err(Error::Refused { error, foreign }),
            _ => {
                let raw = self.start..self.start + cut.raw;
                self.start = raw.end;
                self.opening &= cut.count == 0;
                Ok(Received::Batch(Batch {
                    wire: self.wire,
                    raw: self.buf.get(raw).unwrap_or_default(),
                    count: cut.count,
                    payload: cut.payload,
                    split: self.start < self.end,
                }))
            }
        }
    }

    /// Bytes that the buffer holds at the moment, so that whoever has many
    /// readers can keep a budget. It changes by reading only, and grows by at
    /// most 64 KiB, or twofold up to `read_size`, at each read.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        // What a vector allocates beyond its length was never touched.
        self.buf.len()
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
            self.buf = Vec::new();
            (self.start, self.end) = (0, 0);
        }
    }

    /// Moves what is left to the front and grows the buffer where it must.
    fn make_room(&mut self) -> io::Result<()> {
        if self.start > 0 {
            // What is left all came with the last read, so no byte moves twice.
            self.buf.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }

        let size = self.buf.len();
        let full = self.end == size;
        if size == 0 {
            // Fresh memory is zero already: no page is touched before a byte
            // arrives.
            self.buf = vec![0; FIRST_BUFFER.min(self.read_size)];
        } else if size < self.read_size && (full || self.filled) {
            let doubled = size.saturating_mul(2);
            self.grow_to(doubled.min(self.read_size))?;
        } else if full {
            let missing = self.frame.saturating_sub(size).max(1);
            self.grow_to(size.saturating_add(missing.min(GROWTH)))?;
        }
        self.filled = false;
        Ok(())
    }

    /// A machine without memory is no reason to abort: the others go on.
    fn grow_to(&mut self, size: usize) -> io::Result<()> {
        self.buf.try_reserve(size.saturating_sub(self.buf.len()))?;
        self.buf.resize(size, 0);
        Ok(())
    }

    fn fill(&mut self, stream: &mut impl Read) -> io::Result<usize> {
        let room = self.buf.get_mut(self.end..).unwrap_or_default();
        let room_len = room.len().min(self.read_size);
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
                raw: pending.len(),
                payload: pending.len(),
            };
        };
        let mut cut = Cut::default();
        self.frame = HEADER_LEN;
        while let Some(rest) = pending.get(cut.raw..)
            && let Some(first) = rest.first_chunk()
        {
            match first_frame(*first, rest, framing) {
                Ok(First::Whole { size, payload }) => {
                    cut.count += 1;
                    cut.raw += size;
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
    raw: usize,
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
