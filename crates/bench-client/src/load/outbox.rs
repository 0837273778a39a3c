//! What is composed and not yet with the system.

use std::io;

use proto::{FrameError, Wire, Writer};
use transport::Stream;

/// Most bytes that are composed before they are sent. More would not make a
/// write any cheaper, and each connection would hold as much.
const MAX_BATCH: usize = 256 * 1024;

/// Messages on their way out of one connection.
pub(crate) struct Outbox {
    writer: Writer,
    /// Bytes of the writer that the stream has.
    written: usize,
    /// Bytes to collect before a write.
    batch: usize,
}

impl Outbox {
    /// Writes once there are `write_buffer` bytes.
    pub(crate) fn new(wire: Wire, write_buffer: Option<usize>) -> Self {
        Self {
            writer: Writer::new(wire),
            written: 0,
            batch: write_buffer.map_or(MAX_BATCH, |bytes| bytes.min(MAX_BATCH)),
        }
    }

    /// Adds a message, whose payload is `parts` one after the other, and returns
    /// its length on the wire, in bytes.
    ///
    /// # Errors
    ///
    /// A payload beyond the limit.
    pub(crate) fn add(&mut self, parts: &[&[u8]]) -> Result<usize, FrameError> {
        let before = self.writer.as_bytes().len();
        self.writer.add_parts(parts)?;
        Ok(self.writer.as_bytes().len() - before)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.unsent().is_empty()
    }

    /// Whether there is enough for a write.
    pub(crate) fn is_batch(&self) -> bool {
        self.unsent().len() >= self.batch
    }

    fn unsent(&self) -> &[u8] {
        self.writer
            .as_bytes()
            .get(self.written..)
            .unwrap_or_default()
    }

    /// Sends what the stream takes at once, and returns in how many writes.
    ///
    /// # Errors
    ///
    /// The stream's error; a full send buffer is not one.
    pub(crate) fn flush(&mut self, stream: &Stream) -> io::Result<u64> {
        let mut writes = 0;
        while !self.is_empty() {
            match stream.write_now(self.unsent()) {
                Ok(sent) => {
                    self.written += sent;
                    writes += 1;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if transport::is_timeout(&error) => return Ok(writes),
                Err(error) => return Err(error),
            }
        }
        self.writer.clear();
        self.written = 0;
        Ok(writes)
    }
}
