//! Received bytes: ciphertext, and plaintext that is not read yet.

use std::{io, net::TcpStream};

use rustls::Error;

use super::{
    record::{MAX_OVERHEAD, MAX_PLAINTEXT, MAX_RECORD},
    session::TlsSession,
    step::Step,
};
use crate::socket::{Patience, read};

/// Maximum ciphertext in the buffer: four records per system call. It also
/// exceeds the largest handshake message that rustls accepts, 64 KiB.
pub(super) const MAX_CIPHERTEXT: usize = 4 * MAX_RECORD;

/// Initial buffer size in a handshake, in bytes: enough for a `ClientHello`, or a
/// chain of two certificates.
pub(super) const HANDSHAKE_BUFFER: usize = 4096;

/// Growth for a handshake message split over records, in bytes.
const GROWTH: usize = 4096;

/// Received bytes.
#[derive(Default)]
pub(super) struct Incoming {
    /// Initialised to its whole length; `start..end` is ciphertext.
    buf: Vec<u8>,
    start: usize,
    end: usize,
    /// Whether there is ciphertext that the session has not processed.
    is_fresh: bool,
    /// Decrypted plaintext beyond the last read, less than a record; `taken`
    /// bytes of it are read.
    plaintext: Vec<u8>,
    taken: usize,
    /// Bytes of it that the session has copied.
    copied: usize,
    /// The end of the stream, after the plaintext.
    ending: Option<StreamEnd>,
    /// A socket error from outside a read.
    lost: Option<io::Error>,
}

/// Why the stream has ended.
#[derive(Clone)]
pub(super) enum StreamEnd {
    /// The peer closed it, with or without a `close_notify`.
    Closed,
    Failed(Error),
}

impl Incoming {
    /// Decrypts available records into `buf`, as far as they fit, and keeps the
    /// rest.
    pub(super) fn read(&mut self, session: &mut TlsSession, buf: &mut [u8]) -> usize {
        let mut filled = self.take_plaintext(buf);
        while filled < buf.len() && self.can_decrypt() {
            let room = buf.get_mut(filled..).unwrap_or_default();
            filled += self.decrypt(session, room);
        }
        filled
    }

    /// Decrypts until a read would return something, or more input is needed.
    pub(super) fn decrypt_ahead(&mut self, session: &mut TlsSession) {
        while !self.is_ready() && self.can_decrypt() {
            self.decrypt(session, &mut []);
        }
    }

    /// Advances the handshake, but not beyond its end: data that follows
    /// remains to be read.
    #[inline(never)] // Inlined, its stack would be every connection's.
    pub(super) fn advance_handshake(&mut self, session: &mut TlsSession) {
        self.is_fresh = true;
        while session.is_handshaking() && self.can_decrypt() {
            self.decrypt(session, &mut []);
        }
        session.collect();
        self.is_fresh = self.start < self.end;
    }

    /// Whether a read would return something without a system call.
    pub(super) fn is_ready(&self) -> bool {
        self.has_plaintext() || self.ending.is_some() || self.lost.is_some()
    }

    /// Whether [`read`](Self::read) has input.
    pub(super) fn has_input(&self) -> bool {
        self.has_plaintext() || self.can_decrypt()
    }

    pub(super) const fn ending(&self) -> Option<&StreamEnd> {
        self.ending.as_ref()
    }

    /// Whether it ended inside a record, or waits for the rest of one.
    pub(super) const fn has_partial(&self) -> bool {
        self.start < self.end
    }

    /// Takes the socket error from outside a read.
    pub(super) const fn take_lost(&mut self) -> Option<io::Error> {
        self.lost.take()
    }

    pub(super) fn lose(&mut self, error: io::Error) {
        self.lost = Some(error);
    }

    /// Reads once from the socket. Sizes the buffer for `wanted` bytes of
    /// plaintext, or for the partial record in it.
    pub(super) fn fill(
        &mut self,
        socket: &TcpStream,
        wanted: usize,
        patience: Patience,
    ) -> io::Result<()> {
        self.make_room(wanted);
        let room = self.buf.get_mut(self.end..).unwrap_or_default();
        if room.is_empty() {
            let what = "the peer sent a handshake message of more than 64 KiB";
            self.ending = Some(StreamEnd::Failed(Error::General(what.to_owned())));
            return Ok(());
        }
        let n = loop {
            match read(socket, room, patience) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.end += n;
        self.is_fresh = true;
        if n == 0 {
            self.ending = Some(StreamEnd::Closed);
        }
        Ok(())
    }

    /// The first byte of the first read.
    pub(super) fn first_byte(&self) -> Option<u8> {
        self.buf.first().copied()
    }

    /// Bytes that arrived and are unread.
    pub(super) const fn unread(&self) -> usize {
        self.end - self.start + self.plaintext.len() - self.taken
    }

    /// Maximum of [`held`](Self::held) during and after a read of `wanted`
    /// bytes, unless it was larger before: ciphertext, one record of which the
    /// session may copy, the rest of a record's plaintext, and a record in the
    /// session.
    pub(super) fn max_held(wanted: usize) -> usize {
        ciphertext(wanted).max(MAX_RECORD + GROWTH) + MAX_RECORD + 2 * MAX_PLAINTEXT
    }

    /// Bytes that the buffers hold.
    pub(super) const fn held(&self) -> usize {
        self.buf.len() + self.plaintext.capacity() + self.copied
    }

    /// Frees the buffer, unless it holds data.
    pub(super) fn release(&mut self) {
        if self.start == self.end {
            self.buf = Vec::new();
            (self.start, self.end) = (0, 0);
        }
    }

    fn has_plaintext(&self) -> bool {
        self.taken < self.plaintext.len()
    }

    const fn can_decrypt(&self) -> bool {
        self.is_fresh && self.ending.is_none()
    }

    fn take_plaintext(&mut self, buf: &mut [u8]) -> usize {
        let rest = self.plaintext.get(self.taken..).unwrap_or_default();
        let n = copy(rest, buf);
        self.taken += n;
        if n > 0 && !self.has_plaintext() {
            self.plaintext = Vec::new();
            self.taken = 0;
        }
        n
    }

    /// Decrypts at most one record. Returns how much of its plaintext is in
    /// `buf`; keeps the rest.
    fn decrypt(&mut self, session: &mut TlsSession, buf: &mut [u8]) -> usize {
        let mut filled = 0;
        let ciphertext = self.buf.get_mut(self.start..self.end).unwrap_or_default();
        let (used, step) = session.decrypt(ciphertext, &mut |plaintext| {
            let n = copy(plaintext, buf.get_mut(filled..).unwrap_or_default());
            filled += n;
            self.plaintext
                .extend_from_slice(plaintext.get(n..).unwrap_or_default());
        });
        self.start = self.end.min(self.start + used);
        self.copied = session.held();
        match step {
            Ok(Step::Taken) => {}
            Ok(Step::NeedsMore) => self.is_fresh = false,
            // Data after a close_notify is ignored (RFC 8446, section 6.1).
            Ok(Step::Closed) => self.end(StreamEnd::Closed),
            Err(error) => self.end(StreamEnd::Failed(error)),
        }
        filled
    }

    fn end(&mut self, ending: StreamEnd) {
        self.ending = Some(ending);
        self.start = self.end;
    }

    /// Moves the remaining bytes to the front and grows the buffer if needed.
    fn make_room(&mut self, wanted: usize) {
        self.buf.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;

        // Memory grows with the bytes received, not with a header's claim.
        let needed = self.needed().min(2 * self.buf.len());
        let size = ciphertext(wanted).max(needed).min(MAX_CIPHERTEXT);
        if self.buf.len() < size {
            self.buf.reserve_exact(size - self.buf.len());
            self.buf.resize(size, 0);
        }
    }

    /// The size that the record at the front needs; 0 while unknown.
    fn needed(&self) -> usize {
        match self.buf.get(..self.end) {
            Some([_, _, _, high, low, ..]) => {
                let record = 5 + usize::from(u16::from_be_bytes([*high, *low]));
                if record <= self.end {
                    self.end + GROWTH
                } else {
                    record
                }
            }
            _ => 0,
        }
    }
}

/// Maximum ciphertext of `plaintext`, capped to the buffer's limit.
fn ciphertext(plaintext: usize) -> usize {
    let records = plaintext / MAX_PLAINTEXT + 1;
    plaintext
        .saturating_add(records * MAX_OVERHEAD)
        .min(MAX_CIPHERTEXT)
}

fn copy(from: &[u8], to: &mut [u8]) -> usize {
    let n = from.len().min(to.len());
    if let (Some(to), Some(from)) = (to.get_mut(..n), from.get(..n)) {
        to.copy_from_slice(from);
    }
    n
}
