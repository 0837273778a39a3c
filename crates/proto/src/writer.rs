//! From messages to bytes: many messages, one write.

use std::io::{self, Write};

use crate::{CHECKSUM_LEN, FrameError, Framing, HEADER_LEN, Header, Wire, frame, lz4};

/// Collects messages and writes them together.
///
/// A separate write for the header costs a system call and, with Nagle's
/// algorithm and delayed acknowledgements, about 40 ms per message.
///
/// # Examples
///
/// ```
/// use proto::{Wire, Writer};
///
/// let mut stream = Vec::new();
/// let mut writer = Writer::new(Wire::default());
/// writer.add(b"one")?;
/// writer.add(b"two")?;
/// writer.write_to(&mut stream)?;
/// assert_eq!(stream, b"\0\0\0\x03one\0\0\0\x03two");
/// assert!(writer.as_bytes().is_empty());
/// # Ok::<(), proto::Error>(())
/// ```
#[derive(Debug)]
pub struct Writer {
    wire: Wire,
    buf: Vec<u8>,
    /// Bytes of `buf` that a stream has taken, before an error.
    written: usize,
}

impl Writer {
    /// Starts empty.
    #[must_use]
    pub const fn new(wire: Wire) -> Self {
        Self {
            wire,
            buf: Vec::new(),
            written: 0,
        }
    }

    /// Adds one message to the next write. An empty payload makes a heartbeat;
    /// as raw bytes, it adds nothing.
    ///
    /// # Errors
    ///
    /// [`FrameError::TooLarge`] when `payload` exceeds the limit; earlier
    /// messages stay collected.
    pub fn add(&mut self, payload: &[u8]) -> Result<(), FrameError> {
        self.add_parts(&[payload])
    }

    /// Adds one message whose payload is in several slices, in order, without
    /// joining them first.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add); the limit applies to the sum of the parts.
    ///
    /// # Examples
    ///
    /// ```
    /// # use proto::{Wire, Writer};
    /// let mut writer = Writer::new(Wire::default());
    /// writer.add_parts(&[b"Hello ", b"World!"])?;
    /// assert_eq!(writer.as_bytes(), b"\0\0\0\x0cHello World!");
    /// # Ok::<(), proto::FrameError>(())
    /// ```
    pub fn add_parts(&mut self, parts: &[&[u8]]) -> Result<(), FrameError> {
        match self.wire {
            Wire::Framed(framing) => self.add_frame(parts, framing),
            Wire::Raw => {
                self.append(parts);
                Ok(())
            }
        }
    }

    fn append(&mut self, parts: &[&[u8]]) {
        for part in parts {
            self.buf.extend_from_slice(part);
        }
    }

    fn add_frame(&mut self, parts: &[&[u8]], framing: Framing) -> Result<(), FrameError> {
        // One slice can be several parts: the sum may exceed memory.
        let payload = parts
            .iter()
            .fold(0_u64, |sum, part| sum.saturating_add(part.len() as u64));
        framing.max_frame.check(payload)?;
        let start = self.buf.len();
        self.buf.extend_from_slice(&[0; HEADER_LEN]);
        let compressed = framing.compress && self.append_compressed(parts);
        if !compressed {
            self.append(parts);
        }
        // A heartbeat is always four zero bytes.
        let checksum = framing.checksum && payload > 0;
        let body = self.buf.len() - start - HEADER_LEN;
        let len = body + if checksum { CHECKSUM_LEN } else { 0 };
        let header = framing.max_frame.check(len as u64).and_then(|len| {
            let header = Header {
                len,
                checksum,
                compressed,
            };
            header.encode()
        });
        let header = header.inspect_err(|_| self.buf.truncate(start))?;
        if let Some(slot) = self.buf.get_mut(start..start + HEADER_LEN) {
            slot.copy_from_slice(&header);
        }
        if checksum {
            let covered = self.buf.get(start..).unwrap_or_default();
            let checksum = frame::checksum(covered);
            self.buf.extend_from_slice(&checksum.to_be_bytes());
        }
        Ok(())
    }

    /// LZ4 compresses one slice, so several parts are joined.
    fn append_compressed(&mut self, parts: &[&[u8]]) -> bool {
        match parts {
            [payload] => lz4::compress(payload, &mut self.buf),
            parts => lz4::compress(&parts.concat(), &mut self.buf),
        }
    }

    /// The collected messages, as on the wire; after a failed
    /// [`write_to`](Self::write_to), what the stream has not taken.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.buf.get(self.written..).unwrap_or_default()
    }

    /// Writes the collected messages, in one `write` if the stream takes them
    /// all, and clears them. Blocks as long as `stream` does; an interrupted
    /// write is retried.
    ///
    /// # Errors
    ///
    /// The stream's error, or `WriteZero` when it takes nothing. What it has
    /// taken by then is not written again: after a timeout (`WouldBlock` or
    /// `TimedOut`) the next call continues where this one ended. Another stream
    /// needs a new writer, or it would begin inside a frame.
    pub fn write_to(&mut self, stream: &mut impl Write) -> io::Result<()> {
        loop {
            let left = self.as_bytes();
            if left.is_empty() {
                break;
            }
            match stream.write(left) {
                Ok(0) => {
                    let reason = "the stream takes no more bytes";
                    return Err(io::Error::new(io::ErrorKind::WriteZero, reason));
                }
                Ok(n) => self.written = self.written.saturating_add(n),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        // Before the flush: what failed there was written.
        self.clear();
        stream.flush()
    }

    /// Clears the collected messages, for a caller that has written
    /// [`as_bytes`](Self::as_bytes) itself.
    pub fn clear(&mut self) {
        self.buf.clear();
        self.written = 0;
    }
}
