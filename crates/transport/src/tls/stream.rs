//! A TLS connection: reads and writes.

use std::{
    fmt, io,
    net::TcpStream,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use super::{
    errors,
    incoming::{Incoming, StreamEnd},
    outgoing::Outgoing,
    record::{MAX_OVERHEAD, MAX_PLAINTEXT},
    session::TlsSession,
};
use crate::socket::Patience;

/// Maximum plaintext per write: five records in one system call, so that a
/// frame of 64 KiB fits.
const MAX_WRITE: usize = 5 * MAX_PLAINTEXT;

/// TLS over a socket; both directions work at once.
///
/// [`ServerTls::over`](super::ServerTls::over) wraps an accepted socket; reads
/// and writes go through a [`Stream`](crate::Stream).
///
/// # Examples
///
/// ```
/// use std::net::{TcpListener, TcpStream};
///
/// use transport::{ServerTls, Stream, TlsStream};
///
/// let (tls, _) = ServerTls::self_signed("localhost:0")?;
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let _client = TcpStream::connect(listener.local_addr()?)?;
/// let stream: TlsStream = tls.over(listener.accept()?.0)?;
/// assert!(Stream::from(stream).has_handshake());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// A thread that waits for the socket holds no lock that the other direction
// needs: decryption and encryption work in memory. Locks are taken in the order
// of the fields.
pub struct TlsStream {
    pub(super) socket: TcpStream,
    pub(super) incoming: Mutex<Incoming>,
    outgoing: Mutex<Outgoing>,
    session: Mutex<TlsSession>,
    /// Bytes in the buffers of `incoming` and `outgoing`.
    held: [AtomicUsize; 2],
}

impl TlsStream {
    pub(super) fn new(socket: TcpStream, session: impl Into<TlsSession>) -> Self {
        Self {
            socket,
            incoming: Mutex::default(),
            outgoing: Mutex::default(),
            session: Mutex::new(session.into()),
            held: Default::default(),
        }
    }

    pub(crate) const fn socket(&self) -> &TcpStream {
        &self.socket
    }

    pub(super) fn session(&self) -> MutexGuard<'_, TlsSession> {
        self.session.lock().unwrap_or_else(|poisoned| {
            let mut session = poisoned.into_inner();
            *session = TlsSession::gone();
            session
        })
    }

    pub(crate) fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        let mut incoming = lock(&self.incoming);
        let mut waiting_since = None;
        loop {
            if incoming.has_input() {
                let n = self.with_session(|session| incoming.read(session, buf));
                self.note_incoming(&incoming);
                if n > 0 {
                    return Ok(n);
                }
                self.check_timeout(&mut waiting_since)?;
            }
            match incoming.ending() {
                // No frame can be whole that ends in it.
                Some(StreamEnd::Closed) if incoming.has_partial() => return Err(truncated()),
                // The socket may have ended without a close_notify. The reader
                // detects an end inside a frame.
                Some(StreamEnd::Closed) => return Ok(0),
                Some(StreamEnd::Failed(error)) => return Err(errors::io_error(error)),
                None => {}
            }
            if let Some(error) = incoming.take_lost() {
                return Err(error);
            }
            incoming.fill(&self.socket, buf.len(), Patience::Wait)?;
            self.note_incoming(&incoming);
        }
    }

    /// Input was a partial record, or had no plaintext. That must end by the timeout,
    /// too: the socket's own restarts with every byte.
    fn check_timeout(&self, waiting_since: &mut Option<Instant>) -> io::Result<()> {
        let Some(since) = *waiting_since else {
            *waiting_since = Some(Instant::now());
            return Ok(());
        };
        match self.socket.read_timeout()? {
            Some(timeout) if since.elapsed() >= timeout => Err(io::ErrorKind::WouldBlock.into()),
            _ => Ok(()),
        }
    }

    /// Reads and decrypts what has arrived, without waiting. Returns whether a
    /// read would return at once.
    pub(crate) fn take_in(&self) -> bool {
        let mut incoming = lock(&self.incoming);
        if !self.has_plaintext(&mut incoming) {
            match incoming.fill(&self.socket, MAX_PLAINTEXT, Patience::Now) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => incoming.lose(error),
            }
        }
        self.has_plaintext(&mut incoming)
    }

    /// Whether a read would return something without a system call.
    pub(crate) fn has_received(&self) -> bool {
        self.has_plaintext(&mut lock(&self.incoming))
    }

    fn has_plaintext(&self, incoming: &mut Incoming) -> bool {
        if incoming.has_input() {
            self.with_session(|session| incoming.decrypt_ahead(session));
        }
        self.note_incoming(incoming);
        incoming.is_ready()
    }

    /// Reads, and sends records that result from it, such as an alert. If
    /// another thread is writing, its next write sends them.
    fn with_session<T>(&self, read: impl FnOnce(&mut TlsSession) -> T) -> T {
        let (outcome, has_pending) = {
            let mut session = self.session();
            (read(&mut session), session.has_pending())
        };
        if has_pending && let Ok(mut outgoing) = self.outgoing.try_lock() {
            self.take_pending(&mut outgoing);
            while matches!(outgoing.send(&self.socket, Patience::Now), Ok(true)) {}
        }
        outcome
    }

    pub(crate) fn write(&self, buf: &[u8]) -> io::Result<usize> {
        self.encrypt_and_send(buf, Patience::Wait)
    }

    /// See [`Stream::write_now`](crate::Stream::write_now).
    pub(crate) fn write_now(&self, buf: &[u8]) -> io::Result<usize> {
        self.encrypt_and_send(buf, Patience::Now)
    }

    /// Plaintext counts as written once its whole record is sent. Until then it
    /// is pending: the next write has to begin with the same bytes.
    fn encrypt_and_send(&self, buf: &[u8], patience: Patience) -> io::Result<usize> {
        let mut outgoing = lock(&self.outgoing);
        if !outgoing.has_pending() {
            let part = buf.get(..MAX_WRITE).unwrap_or(buf);
            self.session()
                .encrypt(part, &mut outgoing)
                .map_err(|error| errors::io_error(&error))?;
            self.note_outgoing(&outgoing);
        }
        loop {
            let has_more = outgoing.send(&self.socket, patience)?;
            let written = outgoing.take_written();
            if written > 0 || !has_more {
                return Ok(written.min(buf.len()));
            }
        }
    }

    /// See [`Stream::shrink`](crate::Stream::shrink).
    pub(crate) fn shrink(&self) {
        let mut incoming = lock(&self.incoming);
        incoming.release();
        self.note_incoming(&incoming);
        let mut outgoing = lock(&self.outgoing);
        outgoing.release();
        self.note_outgoing(&outgoing);
    }

    /// See [`Stream::buffered`](crate::Stream::buffered).
    pub(crate) fn buffered(&self) -> usize {
        let held = |held: &AtomicUsize| held.load(Ordering::Relaxed);
        self.held.iter().map(held).sum()
    }

    /// See [`Stream::max_buffered`](crate::Stream::max_buffered).
    pub(crate) fn max_buffered(len: usize) -> usize {
        let write = len.min(MAX_WRITE);
        let records = write / MAX_PLAINTEXT + 1;
        // A record without plaintext, such as a key update, may come along.
        Incoming::max_held(len) + write + (records + 1) * MAX_OVERHEAD
    }

    pub(super) fn note_incoming(&self, incoming: &Incoming) {
        self.held[0].store(incoming.held(), Ordering::Relaxed);
    }

    fn note_outgoing(&self, outgoing: &Outgoing) {
        self.held[1].store(outgoing.held(), Ordering::Relaxed);
    }

    /// Bytes that have arrived in the buffers and are unread.
    pub(crate) fn unread(&self) -> usize {
        lock(&self.incoming).unread()
    }

    /// Sends a `close_notify`, if the send buffer has room.
    pub(crate) fn send_close_notify(&self) {
        self.session().close();
        let _ = self.flush(Patience::Now);
    }

    /// Sends the session's queued records.
    pub(super) fn flush(&self, patience: Patience) -> io::Result<()> {
        let mut outgoing = lock(&self.outgoing);
        self.take_pending(&mut outgoing);
        while outgoing.send(&self.socket, patience)? {}
        Ok(())
    }

    fn take_pending(&self, outgoing: &mut Outgoing) {
        outgoing.append(&self.session().take_pending());
        self.note_outgoing(outgoing);
    }
}

impl Drop for TlsStream {
    /// Sends a `close_notify`, which tells the peer a clean end from a cut.
    fn drop(&mut self) {
        self.send_close_notify();
    }
}

impl fmt::Debug for TlsStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TlsStream").field(&self.socket).finish()
    }
}

fn truncated() -> io::Error {
    io::Error::new(
        io::ErrorKind::UnexpectedEof,
        "truncated: closed inside a TLS record",
    )
}

/// A panic leaves the buffers consistent, so a poisoned lock is usable.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[allow(clippy::panic, clippy::unwrap_used)]
mod tests {
    use std::{net::TcpListener, thread};

    use super::*;

    /// rustls must not be called again: it may panic again, and a second panic
    /// in a destructor would abort the process.
    #[test]
    fn a_session_is_not_used_after_a_panic() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = super::super::ServerTls::self_signed("localhost:0").unwrap();
        let stream = server.over(socket).unwrap();
        let panicked = thread::scope(|scope| {
            let panics = scope.spawn(|| {
                let _session = stream.session.lock();
                panic!("on purpose");
            });
            panics.join().is_err()
        });
        assert!(panicked);
        for outcome in [stream.write(b"x"), stream.handshake(None).map(|()| 0)] {
            let error = outcome.unwrap_err().to_string();
            assert!(error.contains("half done"), "{error}");
        }
    }
}
