//! Connections that are accepted and have no thread yet.

use std::{
    collections::VecDeque,
    io,
    net::{SocketAddr, TcpListener, TcpStream},
};

use transport::Waker;

/// Maximum of connections that wait for a thread. Each holds a descriptor.
const LONGEST_QUEUE: usize = 16 * 1024;

/// Connections that are accepted and have no thread yet.
///
/// Starting a thread takes longer than a client takes to connect, so a burst
/// would overflow the kernel's queue, and each dropped client waits a whole
/// second for its retransmission. Accepting is quick: the kernel's queue is
/// drained before the next thread starts.
pub(crate) struct Queue {
    listener: TcpListener,
    accepted: VecDeque<(TcpStream, SocketAddr)>,
}

impl Queue {
    /// Takes a non-blocking listener.
    pub(crate) const fn new(listener: TcpListener) -> Self {
        Self {
            listener,
            accepted: VecDeque::new(),
        }
    }

    /// Waits for the next connection; `None` on a spurious wake-up or when the
    /// server stops.
    pub(crate) fn next(
        &mut self,
        stop: &Waker,
    ) -> Result<Option<(TcpStream, SocketAddr)>, AcceptError> {
        if self.accepted.is_empty() {
            stop.wait_for(&self.listener)
                .map_err(|error| AcceptError::Machine(format!("poll failed: {error}")))?;
        }
        match self.accept_all() {
            // Serve the accepted connections first; accept is retried later.
            Err(AcceptError::Machine(_)) if !self.accepted.is_empty() => {}
            other => other?,
        }
        Ok(self.accepted.pop_front())
    }

    /// Accepts every connection that the kernel has queued.
    fn accept_all(&mut self) -> Result<(), AcceptError> {
        while self.accepted.len() < LONGEST_QUEUE {
            match self.listener.accept() {
                Ok(connection) => self.accepted.push_back(connection),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(AcceptError::of_accept(error)),
            }
        }
        Ok(())
    }

    /// Closes the listener and returns the connections queued until then.
    pub(crate) fn close(mut self) -> VecDeque<(TcpStream, SocketAddr)> {
        while self.accepted.len() < LONGEST_QUEUE {
            match self.accept_all() {
                Err(AcceptError::Peer(_)) => {}
                Ok(()) | Err(AcceptError::Machine(_)) => break,
            }
        }
        self.accepted
    }
}

/// Why accept returned no connection.
pub(crate) enum AcceptError {
    /// The connection failed before it was accepted.
    Peer(io::Error),
    /// The machine is out of descriptors, memory or threads.
    Machine(String),
}

impl AcceptError {
    fn of_accept(error: io::Error) -> Self {
        use io::ErrorKind as Kind;

        match error.kind() {
            // accept(2): already pending network errors of the new connection.
            Kind::ConnectionAborted
            | Kind::ConnectionReset
            | Kind::PermissionDenied
            | Kind::NetworkDown
            | Kind::NetworkUnreachable
            | Kind::HostUnreachable => Self::Peer(error),
            _ if is_protocol_error(&error) => Self::Peer(error),
            // EMFILE, ENFILE, ENOBUFS, ENOMEM and unknown errors: a pause is
            // right for every error that may last.
            _ => Self::Machine(format!("accept failed: {error}")),
        }
    }
}

/// Network errors of the new connection without a kind in std.
#[cfg(unix)]
fn is_protocol_error(error: &io::Error) -> bool {
    use rustix::io::Errno;

    #[cfg(target_os = "linux")]
    let is_nonet = Errno::from_io_error(error) == Some(Errno::NONET);
    #[cfg(not(target_os = "linux"))]
    let is_nonet = false;
    is_nonet
        || matches!(
            Errno::from_io_error(error),
            Some(Errno::PROTO | Errno::NOPROTOOPT | Errno::OPNOTSUPP | Errno::HOSTDOWN)
        )
}

#[cfg(not(unix))]
const fn is_protocol_error(_: &io::Error) -> bool {
    false
}

#[cfg(all(test, unix))]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn errors_of_the_peer_and_of_the_machine_differ() {
        for errno in [
            Errno::CONNABORTED,
            Errno::CONNRESET,
            Errno::PROTO,
            Errno::PERM,
            Errno::NETDOWN,
            Errno::NETUNREACH,
            Errno::HOSTUNREACH,
            Errno::HOSTDOWN,
            Errno::NOPROTOOPT,
            Errno::OPNOTSUPP,
            #[cfg(target_os = "linux")]
            Errno::NONET,
        ] {
            let error = AcceptError::of_accept(errno.into());
            assert!(matches!(error, AcceptError::Peer(_)), "{errno}");
        }
        for errno in [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM] {
            let error = AcceptError::of_accept(errno.into());
            assert!(matches!(error, AcceptError::Machine(_)), "{errno}");
        }
    }
}
