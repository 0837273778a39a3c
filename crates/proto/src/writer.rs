//! From messages to bytes: many messages, one write.

use std::io::{self, Write};

use crate::{HeaderError, Wire, encode_header};

/// Collects messages and writes them together.
///
/// A header in a write of its own costs a system call, and with Nagle's
/// algorithm and delayed acknowledgements about 40 ms a message as well.
#[derive(Debug)]
pub struct Writer {
    wire: Wire,
    buf: Vec<u8>,
}

impl Writer {
    /// Starts with nothing collected.
    #[must_use]
    pub const fn new(wire: Wire) -> Self {
        Self {
            wire,
            buf: Vec::new(),
        }
    }

    /// Adds one message to the next write.
    ///
    /// # Errors
    ///
    /// [`HeaderError::TooLarge`] when `payload` exceeds the limit; what was
    /// added before stays collected.
    pub fn add(&mut self, payload: &[u8]) -> Result<(), HeaderError> {
        if let Wire::Framed(max) = self.wire {
            let header = encode_header(payload.len(), max)?;
            self.buf.extend_from_slice(&header);
        }
        self.buf.extend_from_slice(payload);
        Ok(())
    }

    /// The collected messages as they will be on the wire.
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        &self.buf
    }

    /// Writes the collected messages, in one `write` if the stream takes them
    /// all, and forgets them.
    ///
    /// # Errors
    ///
    /// What the stream says. How much was sent is unknown then: a stream of
    /// frames cannot go on after it.
    pub fn write_to(&mut self, stream: &mut impl Write) -> io::Result<()> {
        stream.write_all(&self.buf)?;
        stream.flush()?;
        self.buf.clear();
        Ok(())
    }
}
