//! Ciphertext to send.

use std::{collections::VecDeque, io, mem, net::TcpStream};

use crate::socket::{Patience, write, write_now};

/// The send buffer of a TLS stream.
#[derive(Default)]
pub(super) struct Outgoing {
    /// Initialised to its whole length; `sent..end` is not sent yet.
    buf: Vec<u8>,
    sent: usize,
    end: usize,
    /// Records with plaintext that are not fully sent.
    pending: VecDeque<Record>,
    /// Plaintext of fully sent records that no write has reported yet.
    written: usize,
}

/// The end of a record in the buffer, and the length of its plaintext.
struct Record {
    end: usize,
    plaintext: usize,
}

impl Outgoing {
    /// Whether plaintext of an earlier write is not reported as written yet.
    pub(super) fn has_pending(&self) -> bool {
        self.written > 0 || !self.pending.is_empty()
    }

    /// Room for at least `size` bytes after the current ones.
    pub(super) fn room(&mut self, size: usize) -> &mut [u8] {
        let needed = self.end + size;
        if self.buf.len() < needed {
            self.buf.reserve_exact(needed - self.buf.len());
            self.buf.resize(needed, 0);
        }
        self.buf.get_mut(self.end..).unwrap_or_default()
    }

    /// Counts a record of `len` bytes that was written into the room.
    pub(super) fn add_record(&mut self, len: usize, plaintext: usize) {
        self.end += len;
        let end = self.end;
        self.pending.push_back(Record { end, plaintext });
    }

    /// Appends records without plaintext.
    pub(super) fn append(&mut self, records: &[u8]) {
        if let Some(room) = self.room(records.len()).get_mut(..records.len()) {
            room.copy_from_slice(records);
            self.end += records.len();
        }
    }

    /// Sends once, if there is something to send. Returns whether more remains.
    pub(super) fn send(&mut self, socket: &TcpStream, patience: Patience) -> io::Result<bool> {
        let rest = self.buf.get(self.sent..self.end).unwrap_or_default();
        if !rest.is_empty() {
            let sent = match patience {
                Patience::Wait => write(socket, rest),
                Patience::Now => write_now(socket, rest),
            };
            match sent {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => self.sent += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            while let Some(record) = self.pending.pop_front_if(|record| record.end <= self.sent) {
                self.written += record.plaintext;
            }
        }
        if self.sent < self.end {
            return Ok(true);
        }
        (self.sent, self.end) = (0, 0);
        Ok(false)
    }

    /// Plaintext sent since the last call. A record counts once the socket has
    /// all of it: the peer cannot answer it before.
    pub(super) fn take_written(&mut self) -> usize {
        mem::take(&mut self.written)
    }

    /// Bytes that the buffer holds.
    pub(super) fn held(&self) -> usize {
        self.buf.len()
    }

    /// Frees the buffer, unless it holds data.
    pub(super) fn release(&mut self) {
        if self.end == 0 {
            self.buf = Vec::new();
        }
    }
}
