//! What is composed and not yet with the system.

use std::io;

use proto::{FrameError, Wire, Writer};
use transport::Stream;

/// Messages on their way out of one connection.
pub(crate) struct Outbox {
    writer: Writer,
    /// Bytes of the writer that the stream has.
    written: usize,
}

impl Outbox {
    pub(crate) const fn new(wire: Wire) -> Self {
        Self {
            writer: Writer::new(wire),
            written: 0,
        }
    }

    /// Adds a message and returns its length on the wire, in bytes.
    ///
    /// # Errors
    ///
    /// A payload beyond the limit.
    pub(crate) fn add(&mut self, payload: &[u8]) -> Result<usize, FrameError> {
        let before = self.writer.raw().len();
        self.writer.add(payload)?;
        Ok(self.writer.raw().len() - before)
    }

    pub(crate) fn unsent(&self) -> &[u8] {
        self.writer.raw().get(self.written..).unwrap_or_default()
    }

    /// Sends what the stream takes at once, and returns in how many writes.
    ///
    /// # Errors
    ///
    /// What the stream says; a full one is no error.
    pub(crate) fn flush(&mut self, stream: &Stream) -> io::Result<u64> {
        let mut writes = 0;
        while !self.unsent().is_empty() {
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
