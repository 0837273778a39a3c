//! How a connection is closed, so that its peer can read everything sent to it.

use std::{
    io::{self, Read},
    net::Shutdown,
    thread,
    time::Duration,
};

use crate::{Stream, deadline::Deadline, sock_diag};

/// Time between two checks of what the peer's host has acknowledged, which no event
/// reports.
const ACKNOWLEDGEMENT_CHECK: Duration = Duration::from_millis(10);

impl Stream {
    /// Ends the sending direction, then reads and discards what the peer is
    /// still sending, at most `most` bytes or for `timeout`, so that the peer
    /// can read everything sent to it.
    pub fn linger(&self, most: u64, timeout: Duration) {
        self.linger_until(most, Deadline::after(timeout));
    }

    /// Waits until the peer's host has acknowledged everything sent, on Linux,
    /// and then [lingers](Self::linger) until the peer has closed; for `timeout`
    /// at most.
    ///
    /// Once the reading direction is shut down and a FIN is queued, the kernel
    /// answers further data with a reset, which would discard what is unsent.
    pub fn drain(&self, timeout: Duration) {
        let deadline = Deadline::after(timeout);
        if let Ok(ends) = self.addrs() {
            let has_unacknowledged =
                || sock_diag::find(ends).is_some_and(|info| info.unacknowledged_bytes > 0);
            while !deadline.left().is_zero() && has_unacknowledged() {
                self.discard_until(Deadline::after(deadline.left().min(ACKNOWLEDGEMENT_CHECK)));
            }
        }
        self.linger_until(u64::MAX, deadline);
    }

    /// Discards input until `deadline`: if it stayed unread, the peer might not
    /// read either.
    fn discard_until(&self, deadline: Deadline) {
        while !deadline.left().is_zero() {
            // The peer has closed, the reading direction is shut down, or the
            // connection has failed: nothing more comes.
            if matches!(self.discard(deadline), Ok(0) | Err(_)) {
                thread::sleep(deadline.left());
            }
        }
    }

    fn linger_until(&self, most: u64, deadline: Deadline) {
        if let Self::Tls(stream) = self {
            stream.send_close_notify();
        }
        if self.socket().shutdown(Shutdown::Write).is_err() {
            return;
        }
        let mut left = most;
        while left > 0 {
            match self.discard(deadline) {
                Ok(0) | Err(_) => return,
                Ok(n) => left = left.saturating_sub(n as u64),
            }
        }
    }

    /// Reads from the socket and discards what came.
    #[inline(never)] // Or its buffer would be on every connection's stack.
    fn discard(&self, deadline: Deadline) -> io::Result<usize> {
        let mut socket = self.socket();
        loop {
            // Zero, at the deadline, is an error.
            socket.set_read_timeout(Some(deadline.left()))?;
            match socket.read(&mut [0; 4096]) {
                // A signal interrupts a read that has a timeout (signal(7)).
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }
}
