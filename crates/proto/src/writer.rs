//! From messages to bytes: many frames, one write.

use std::io::{self, Write};

use crate::{HeaderError, MaxFrame, encode_header};

/// Collects frames and writes them together.
///
/// A header in a write of its own costs a system call, and with Nagle's
/// algorithm and delayed acknowledgements about 40 ms a message as well.
#[derive(Debug)]
pub struct FrameWriter {
    max: MaxFrame,
    buf: Vec<u8>,
}

impl FrameWriter {
    /// Starts with nothing collected; `max` bounds each payload.
    #[must_use]
    pub const fn new(max: MaxFrame) -> Self {
        Self {
            max,
            buf: Vec::new(),
        }
    }

    /// Adds one frame to the next write.
    ///
    /// # Errors
    ///
    /// [`HeaderError::TooLarge`] when `payload` exceeds the limit; the frames
    /// added before stay collected.
    pub fn add(&mut self, payload: &[u8]) -> Result<(), HeaderError> {
        let header = encode_header(payload.len(), self.max)?;
        self.buf.extend_from_slice(&header);
        self.buf.extend_from_slice(payload);
        Ok(())
    }

    /// The collected frames as they will be on the wire.
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        &self.buf
    }

    /// Writes the collected frames, in one `write` if the stream takes them
    /// all, and forgets them.
    ///
    /// # Errors
    ///
    /// What the stream says. The frames stay collected then, but how much of
    /// them was sent is unknown: a stream of frames cannot go on after it.
    pub fn write_to(&mut self, stream: &mut impl Write) -> io::Result<()> {
        stream.write_all(&self.buf)?;
        stream.flush()?;
        self.buf.clear();
        Ok(())
    }
}
