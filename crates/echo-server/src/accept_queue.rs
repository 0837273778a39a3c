//! Connections on their way from the kernel to their threads.

use std::{
    collections::VecDeque,
    io,
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

/// How often a quiet acceptor looks whether it was stopped.
pub(crate) const STOP_CHECK: Duration = Duration::from_millis(100);

/// Whether accept can wait for a limited time: Linux applies a receive timeout
/// to it (socket(7)). Elsewhere the listener is asked now and then.
pub(crate) const ACCEPT_TIMES_OUT: bool = cfg!(target_os = "linux");

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
    is_blocking: bool,
    accepted: VecDeque<(TcpStream, SocketAddr)>,
}

impl Queue {
    pub(crate) const fn new(listener: TcpListener) -> Self {
        Self {
            listener,
            is_blocking: true,
            accepted: VecDeque::new(),
        }
    }

    /// The next connection; `None` when nobody came for a while.
    pub(crate) fn next(&mut self) -> Result<Option<(TcpStream, SocketAddr)>, AcceptError> {
        match self.accept_all(self.accepted.is_empty()) {
            // What the kernel has no room for now does not concern the others.
            Err(AcceptError::Machine(_)) if !self.accepted.is_empty() => {}
            other => other?,
        }
        Ok(self.accepted.pop_front())
    }

    /// Takes all that the kernel has queued; waits for the first, if told to.
    fn accept_all(&mut self, wait: bool) -> Result<(), AcceptError> {
        self.set_blocking(wait)?;
        loop {
            match self.listener.accept() {
                Ok(connection) => {
                    self.accepted.push_back(connection);
                    if self.accepted.len() >= LONGEST_QUEUE {
                        return Ok(());
                    }
                    self.set_blocking(false)?;
                }
                Err(error) if is_quiet(&error) => {
                    if wait && self.accepted.is_empty() && !ACCEPT_TIMES_OUT {
                        thread::sleep(STOP_CHECK / 10);
                    }
                    return Ok(());
                }
                Err(error) => return Err(AcceptError::of_accept(error)),
            }
        }
    }

    /// Lets accept wait, for [`STOP_CHECK`] at most, or not at all.
    fn set_blocking(&mut self, blocking: bool) -> Result<(), AcceptError> {
        let blocking = blocking && ACCEPT_TIMES_OUT;
        if blocking != self.is_blocking {
            self.listener
                .set_nonblocking(!blocking)
                .map_err(AcceptError::of_accept)?;
            self.is_blocking = blocking;
        }
        Ok(())
    }

    /// Closes the listener and returns who came before that.
    pub(crate) fn close(mut self) -> VecDeque<(TcpStream, SocketAddr)> {
        while self.accepted.len() < LONGEST_QUEUE {
            match self.accept_all(false) {
                Err(AcceptError::Peer(_)) => {}
                Ok(()) | Err(AcceptError::Machine(_)) => break,
            }
        }
        self.accepted
    }
}

/// Whether accept woke up for nothing.
fn is_quiet(error: &io::Error) -> bool {
    transport::is_timeout(error) || error.kind() == io::ErrorKind::Interrupted
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

/// Network errors of the new connection that std has no kind for, by their
/// Linux numbers: EPROTO, ENONET, ENOPROTOOPT, EOPNOTSUPP, EHOSTDOWN.
fn is_protocol_error(error: &io::Error) -> bool {
    cfg!(target_os = "linux") && matches!(error.raw_os_error(), Some(71 | 64 | 92 | 95 | 112))
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn errors_of_accept_are_told_apart() {
        for errno in [103, 104, 71, 1, 100, 101, 113, 112, 64, 92, 95] {
            let trouble = AcceptError::of_accept(io::Error::from_raw_os_error(errno));
            assert!(matches!(trouble, AcceptError::Peer(_)), "{errno}");
        }
        for errno in [24, 23, 105, 12] {
            let trouble = AcceptError::of_accept(io::Error::from_raw_os_error(errno));
            assert!(matches!(trouble, AcceptError::Machine(_)), "{errno}");
        }
        for errno in [11, 4] {
            assert!(is_quiet(&io::Error::from_raw_os_error(errno)), "{errno}");
        }
    }
}
