//! The handshake of a TLS connection.

use std::{
    io, mem,
    time::{Duration, Instant},
};

use super::{
    TlsStream, errors,
    incoming::{HANDSHAKE_BUFFER, StreamEnd},
    stream::lock,
    workers,
};
use crate::socket::{Patience, is_timeout};

/// The types of the first record in a handshake (RFC 8446, section 5.1): a
/// handshake message, or an alert.
const HANDSHAKE: u8 = 22;
const ALERT: u8 = 21;

impl TlsStream {
    /// See [`Stream::handshake`](crate::Stream::handshake).
    #[inline(never)] // Or 3 KiB of it would be on a plain connection's stack.
    pub(crate) fn handshake(&self, deadline: Option<Instant>) -> io::Result<()> {
        let outcome = self.complete_handshake(deadline);
        if outcome.is_err() {
            // Send the alert with the reason, if there is one.
            let _ = self.flush(Patience::Now);
        }
        if deadline.is_some() {
            self.socket.set_read_timeout(None)?;
            self.socket.set_write_timeout(None)?;
        }
        self.shrink();
        outcome
    }

    fn complete_handshake(&self, deadline: Option<Instant>) -> io::Result<()> {
        let mut incoming = lock(&self.incoming);
        let mut is_first = true;
        loop {
            let is_done = {
                let mut session = self.session();
                workers::advance(&mut session, &mut incoming);
                !session.is_handshaking()
            };
            match incoming.ending() {
                Some(StreamEnd::Failed(error)) => return Err(errors::io_error(error)),
                Some(StreamEnd::Closed) if !is_done => return Err(closed_in_handshake()),
                _ => {}
            }
            self.limit(deadline)?;
            self.flush(Patience::Wait).map_err(in_handshake)?;
            if is_done {
                return Ok(());
            }
            self.limit(deadline)?;
            incoming
                .fill(&self.socket, HANDSHAKE_BUFFER, Patience::Wait)
                .map_err(in_handshake)?;
            self.note_incoming(&incoming);
            if mem::take(&mut is_first) && incoming.ending().is_none() {
                check_first_byte(incoming.first_byte())?;
            }
        }
    }

    /// Limits the wait of the next system call to `deadline`.
    fn limit(&self, deadline: Option<Instant>) -> io::Result<()> {
        let Some(deadline) = deadline else {
            return Ok(());
        };
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(in_handshake(io::ErrorKind::TimedOut.into()));
        }
        // A timeout below the system's resolution could mean none.
        let left = left.max(Duration::from_millis(1));
        self.socket.set_read_timeout(Some(left))?;
        self.socket.set_write_timeout(Some(left))
    }
}

/// TLS begins with a handshake message, or an alert with the reason for none.
/// The closing alert shows a peer of another protocol that this end speaks TLS.
fn check_first_byte(first: Option<u8>) -> io::Result<()> {
    match first {
        Some(HANDSHAKE | ALERT) => Ok(()),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the peer does not speak TLS",
        )),
    }
}

fn closed_in_handshake() -> io::Error {
    io::Error::new(
        io::ErrorKind::ConnectionAborted,
        "the peer closed the connection during the TLS handshake; does it speak TLS?",
    )
}

fn in_handshake(error: io::Error) -> io::Error {
    if is_timeout(&error) {
        io::Error::new(
            io::ErrorKind::TimedOut,
            "the peer did not answer during the TLS handshake; does it speak TLS?",
        )
    } else {
        error
    }
}
