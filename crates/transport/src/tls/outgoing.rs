//! Ciphertext on its way to the socket.

use std::{collections::VecDeque, io, mem, net::TcpStream};

use crate::socket::{Patience, write, write_now};

/// What goes to the socket.
#[derive(Default)]
pub(super) struct Outgoing {
    /// Initialised to its whole length; `sent..end` waits for the socket.
    buf: Vec<u8>,
    sent: usize,
    end: usize,
    /// Records of plaintext that are not wholly sent.
    pending: VecDeque<Record>,
    /// Plaintext of those that are, and that no write has returned yet.
    written: usize,
}

/// Where a record ends in the buffer, and how much plaintext it carries.
struct Record {
    end: usize,
    plaintext: usize,
}

impl Outgoing {
    /// Whether plaintext of an earlier write was not returned as written yet.
    pub(super) fn has_pending(&self) -> bool {
        self.written > 0 || !self.pending.is_empty()
    }

    /// Room for at least `size` bytes behind what is there.
    pub(super) fn room(&mut self, size: usize) -> &mut [u8] {
        let needed = self.end + size;
        if self.buf.len() < needed {
            self.buf.reserve_exact(needed - self.buf.len());
            self.buf.resize(needed, 0);
        }
        self.buf.get_mut(self.end..).unwrap_or_default()
    }

    /// Counts a record of `len` bytes that was put into the room.
    pub(super) fn add_record(&mut self, len: usize, plaintext: usize) {
        self.end += len;
        let end = self.end;
        self.pending.push_back(Record { end, plaintext });
    }

    /// Adds records that carry no plaintext.
    pub(super) fn append(&mut self, records: &[u8]) {
        if let Some(room) = self.room(records.len()).get_mut(..records.len()) {
            room.copy_from_slice(records);
            self.end += records.len();
        }
    }

    /// Sends once, if there is something to send. Returns whether there is
    /// more.
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

    /// Plaintext that was sent since the last call. A record counts once the
    /// socket has all of it: the peer can answer none before.
    pub(super) fn take_written(&mut self) -> usize {
        mem::take(&mut self.written)
    }

    /// Bytes that the buffer holds.
    pub(super) fn held(&self) -> usize {
        self.buf.len()
    }

    /// Gives the buffer back, unless something is in it.
    pub(super) fn release(&mut self) {
        if self.end == 0 {
            self.buf = Vec::new();
        }
    }
}
