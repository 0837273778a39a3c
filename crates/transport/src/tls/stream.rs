//! A connection: handshake, records in and out.

use std::{
    fmt,
    io::{self, Read, Write},
    net::TcpStream,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use rustls::{Connection, Error};

use super::words;
use crate::socket::{is_timeout, write_now};

/// Most plaintext in one record, in bytes (RFC 8446, section 5.1).
const MAX_PLAINTEXT: usize = 1 << 14;

/// The largest record, in bytes: header, plaintext, and what encryption may
/// add to it (RFC 8446, section 5.2).
const MAX_RECORD: usize = 5 + MAX_PLAINTEXT + 256;

/// Most plaintext that one write takes: four records, in one system call.
const MAX_WRITE: usize = 4 * MAX_PLAINTEXT;

/// The type of records that open a handshake (RFC 8446, section 5.1), and of
/// those that end one.
const HANDSHAKE: u8 = 22;
const ALERT: u8 = 21;

/// TLS over a socket, in both directions at once.
///
/// A thread that waits for the socket holds no lock that the other direction
/// needs: what was read is decrypted, and what is to be written encrypted, in
/// memory. Locks are taken in the order of the fields.
pub struct TlsStream {
    socket: TcpStream,
    incoming: Mutex<Incoming>,
    outgoing: Mutex<Outgoing>,
    session: Mutex<Connection>,
}

/// What came from the socket.
#[derive(Default)]
struct Incoming {
    /// Ciphertext; none is kept between bursts beyond one record.
    buf: Vec<u8>,
    /// The part of it that is not decrypted yet.
    start: usize,
    end: usize,
    /// Why the session cannot go on, once all that came before was read.
    failure: Option<Error>,
}

/// What goes to the socket.
#[derive(Default)]
struct Outgoing {
    ciphertext: Vec<u8>,
    /// How much of it the socket has.
    sent: usize,
    /// Plaintext in it that no write has been told of.
    owed: usize,
}

/// Whether a write may wait.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Patience {
    Wait,
    Now,
}

impl TlsStream {
    pub(crate) fn new(socket: TcpStream, session: Connection) -> Self {
        Self {
            socket,
            incoming: Mutex::default(),
            outgoing: Mutex::default(),
            session: Mutex::new(session),
        }
    }

    pub(crate) const fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// See [`Stream::handshake`](crate::Stream::handshake).
    pub(crate) fn handshake(&self, deadline: Option<Instant>) -> io::Result<()> {
        let outcome = self.shake_hands(deadline);
        if outcome.is_err() {
            // The alert that says why, as far as there is one.
            let _ = self.flush(Patience::Now);
        }
        if deadline.is_some() {
            self.socket.set_read_timeout(None)?;
            self.socket.set_write_timeout(None)?;
        }
        outcome
    }

    fn shake_hands(&self, deadline: Option<Instant>) -> io::Result<()> {
        let mut incoming = lock(&self.incoming);
        let mut is_first = true;
        loop {
            self.limit(deadline)?;
            self.flush(Patience::Wait)?;
            if !lock(&self.session).is_handshaking() {
                return Ok(());
            }
            self.limit(deadline)?;
            if incoming.fill(&self.socket).map_err(in_handshake)? == 0 {
                return Err(closed_in_handshake());
            }
            if std::mem::take(&mut is_first) {
                incoming.check_first_byte()?;
            }
            let has_closed = incoming.decrypt(&mut lock(&self.session), usize::MAX);
            if let Some(error) = &incoming.failure {
                return Err(words::io_error(error));
            }
            if has_closed {
                return Err(closed_in_handshake());
            }
        }
    }

    /// Lets the next system call wait until `deadline`.
    fn limit(&self, deadline: Option<Instant>) -> io::Result<()> {
        let Some(deadline) = deadline else {
            return Ok(());
        };
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(in_handshake(io::ErrorKind::TimedOut.into()));
        }
        // Less than what the system can tell apart would be no limit.
        let left = left.max(Duration::from_millis(1));
        self.socket.set_read_timeout(Some(left))?;
        self.socket.set_write_timeout(Some(left))
    }

    pub(crate) fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        let mut incoming = lock(&self.incoming);
        loop {
            let plaintext = {
                let mut session = lock(&self.session);
                incoming.decrypt(&mut session, buf.len());
                session.reader().read(buf)
            };
            match plaintext {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // The socket ended without a word. Whether that was in the
                // middle of something is for the reader to say.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                other => return other,
            }
            // An answer to what came, such as an alert or new keys. If another
            // thread is writing, its next write takes it along.
            if lock(&self.session).wants_write()
                && let Ok(mut outgoing) = self.outgoing.try_lock()
            {
                outgoing.encrypted(&mut lock(&self.session))?;
                let _ = outgoing.send(&self.socket, Patience::Now);
            }
            if let Some(error) = &incoming.failure {
                return Err(words::io_error(error));
            }
            if incoming.fill(&self.socket)? == 0 {
                // So that the session knows of the end.
                lock(&self.session).read_tls(&mut io::empty())?;
            }
        }
    }

    /// Most bytes that reads return without asking the socket: a record in
    /// here, and one or a few in the session.
    pub(crate) const MAX_UNREAD: u64 = (MAX_RECORD + MAX_WRITE) as u64;

    /// Whether a read would return something without asking the socket.
    pub(crate) fn has_received(&self) -> bool {
        let mut incoming = lock(&self.incoming);
        let mut session = lock(&self.session);
        incoming.decrypt(&mut session, 1);
        let is_waiting = matches!(
            session.reader().into_first_chunk(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock
        );
        !is_waiting || incoming.failure.is_some()
    }

    pub(crate) fn write(&self, buf: &[u8]) -> io::Result<usize> {
        self.encrypt_and_send(buf, MAX_WRITE, Patience::Wait)
    }

    /// See [`Stream::write_now`](crate::Stream::write_now). One record at a
    /// time: the peer can answer none before it has the whole of it.
    pub(crate) fn write_now(&self, buf: &[u8]) -> io::Result<usize> {
        self.encrypt_and_send(buf, MAX_PLAINTEXT, Patience::Now)
    }

    /// Plaintext counts as written once all of its ciphertext is. Until then
    /// it is owed: the caller comes again with the same bytes.
    fn encrypt_and_send(&self, buf: &[u8], most: usize, patience: Patience) -> io::Result<usize> {
        let mut outgoing = lock(&self.outgoing);
        if outgoing.owed == 0 {
            let mut session = lock(&self.session);
            let part = buf.get(..most).unwrap_or(buf);
            outgoing.owed = session.writer().write(part)?;
            outgoing.encrypted(&mut session)?;
        }
        outgoing.send(&self.socket, patience)?;
        Ok(std::mem::take(&mut outgoing.owed).min(buf.len()))
    }

    /// See [`Stream::shrink`](crate::Stream::shrink).
    pub(crate) fn shrink(&self) {
        let mut outgoing = lock(&self.outgoing);
        if outgoing.ciphertext.is_empty() {
            outgoing.ciphertext = Vec::new();
        }
    }

    /// Says that no more will come, if the way out takes it.
    pub(crate) fn say_goodbye(&self) {
        lock(&self.session).send_close_notify();
        let _ = self.flush(Patience::Now);
    }

    /// Sends what the session wants to send.
    fn flush(&self, patience: Patience) -> io::Result<()> {
        let mut outgoing = lock(&self.outgoing);
        outgoing.encrypted(&mut lock(&self.session))?;
        outgoing.send(&self.socket, patience).map_err(in_handshake)
    }
}

impl Incoming {
    /// Reads from the socket once everything before was decrypted; zero is
    /// the end.
    fn fill(&mut self, mut socket: &TcpStream) -> io::Result<usize> {
        self.buf.resize(MAX_RECORD, 0);
        let n = loop {
            match socket.read(&mut self.buf) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        (self.start, self.end) = (0, n);
        Ok(n)
    }

    /// Decrypts until there is as much plaintext as `wanted`, or as the
    /// session holds. Returns whether the peer said that it is done; what it
    /// sends after that is dropped.
    fn decrypt(&mut self, session: &mut Connection, wanted: usize) -> bool {
        let enough = wanted.min(MAX_PLAINTEXT);
        let mut has_closed = false;
        while self.failure.is_none() && self.start < self.end && !has_closed {
            let mut rest = self.buf.get(self.start..self.end).unwrap_or_default();
            let before = rest.len();
            // It takes what it has room for, and nothing after the close.
            let taken = session.read_tls(&mut rest);
            self.start += before - rest.len();
            match taken.map_err(|error| Error::General(error.to_string())) {
                Ok(0) => has_closed = true,
                Ok(_) => {}
                Err(error) => self.failure = Some(error),
            }
            match session.process_new_packets() {
                Ok(state) if state.plaintext_bytes_to_read() >= enough => break,
                Ok(state) => has_closed |= state.peer_has_closed(),
                Err(error) => self.failure = Some(error),
            }
        }
        if has_closed {
            self.start = self.end;
        }
        has_closed
    }

    /// TLS begins with a handshake, or an alert that says why not. Whoever
    /// speaks something else can tell by the alert that is sent at the end.
    fn check_first_byte(&self) -> io::Result<()> {
        match self.buf.first() {
            Some(&(HANDSHAKE | ALERT)) => Ok(()),
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the peer does not speak TLS",
            )),
        }
    }
}

impl Outgoing {
    /// Takes what the session has encrypted.
    fn encrypted(&mut self, session: &mut Connection) -> io::Result<()> {
        while session.wants_write() {
            session.write_tls(&mut self.ciphertext)?;
        }
        Ok(())
    }

    fn send(&mut self, mut socket: &TcpStream, patience: Patience) -> io::Result<()> {
        while let Some(rest) = self.ciphertext.get(self.sent..)
            && !rest.is_empty()
        {
            let sent = match patience {
                Patience::Wait => socket.write(rest),
                Patience::Now => write_now(socket, rest),
            };
            match sent {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => self.sent += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.ciphertext.clear();
        self.sent = 0;
        Ok(())
    }
}

impl Drop for TlsStream {
    /// So that the peer can tell the end from a cut.
    fn drop(&mut self) {
        self.say_goodbye();
    }
}

impl fmt::Debug for TlsStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TlsStream").field(&self.socket).finish()
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

/// Nothing is left half done by a panic, so a poisoned lock is as good.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
