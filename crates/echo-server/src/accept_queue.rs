//! Connections on their way from the kernel to their threads.

use std::{
    collections::VecDeque,
    io,
    net::{SocketAddr, TcpListener, TcpStream},
};

use transport::Waker;

/// Most connections that wait for a thread. They hold a descriptor each.
const LONGEST_QUEUE: usize = 16 * 1024;

/// Connections that were accepted and have no thread yet.
///
/// Starting a thread takes longer than a client takes to connect, so a burst
/// would overflow the kernel's queue, and every client too many waits a whole
/// second for its retransmission. Accepting is quick: whatever is queued in
/// the kernel is taken before the next thread is started.
pub(crate) struct Queue {
    listener: TcpListener,
    accepted: VecDeque<(TcpStream, SocketAddr)>,
}

impl Queue {
    /// Of a listener that does not block.
    pub(crate) const fn new(listener: TcpListener) -> Self {
        Self {
            listener,
            accepted: VecDeque::new(),
        }
    }

    /// Waits for the next connection; `None` when there is none after all, or
    /// the server stops.
    pub(crate) fn next(
        &mut self,
        stop: &Waker,
    ) -> Result<Option<(TcpStream, SocketAddr)>, AcceptError> {
        if self.accepted.is_empty() {
            stop.wait_for(&self.listener)
                .map_err(|error| AcceptError::Machine(format!("poll failed: {error}")))?;
        }
        match self.accept_all() {
            // What the kernel has no room for now does not concern the others.
            Err(AcceptError::Machine(_)) if !self.accepted.is_empty() => {}
            other => other?,
        }
        Ok(self.accepted.pop_front())
    }

    /// Takes all that the kernel has queued.
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

    /// Closes the listener and returns who came before that.
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

/// Why there is no new connection.
pub(crate) enum AcceptError {
    /// It was gone before it was accepted.
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
            // EMFILE, ENFILE, ENOBUFS, ENOMEM, and whatever is not known:
            // pausing is right for all that may last.
            _ => Self::Machine(format!("accept failed: {error}")),
        }
    }
}

/// Network errors of the new connection that std has no kind for.
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
    fn errors_of_accept_are_told_apart() {
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
