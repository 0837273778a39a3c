//! A connection's bytes, encrypted or not.

use crate::{
    Ready, poll,
    socket::{write, write_now},
    tls::TlsStream,
};
use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

/// A connected stream. As with [`TcpStream`], `&Stream` reads and writes, so
/// one thread can read while another writes, and a third can shut it down.
///
/// Over TLS a peer that closes the connection without saying so within TLS
/// looks like one that did: the reader knows whether the end came in the
/// middle of something.
///
/// # Examples
///
/// ```
/// use std::{io::{Read, Write}, net::{TcpListener, TcpStream}};
///
/// use transport::Stream;
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let client = Stream::from(TcpStream::connect(listener.local_addr()?)?);
/// let server = Stream::from(listener.accept()?.0);
/// (&client).write_all(b"hi")?;
/// let mut received = [0; 2];
/// (&server).read_exact(&mut received)?;
/// assert_eq!(&received, b"hi");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub enum Stream {
    /// Bare TCP.
    Plain(TcpStream),
    /// TLS over TCP.
    Tls(Box<TlsStream>),
}

impl From<TcpStream> for Stream {
    fn from(socket: TcpStream) -> Self {
        Self::Plain(socket)
    }
}

impl From<TlsStream> for Stream {
    fn from(stream: TlsStream) -> Self {
        Self::Tls(Box::new(stream))
    }
}

impl Stream {
    /// Agrees on keys with the peer; over bare TCP there is nothing to do.
    ///
    /// Blocks until the peer has done its part, or is shut down, or `deadline`
    /// has passed; without one for as long as the peer likes.
    ///
    /// # Errors
    ///
    /// One line that says what is wrong with the peer or its certificate.
    pub fn handshake(&self, deadline: Option<Instant>) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Tls(stream) => stream.handshake(deadline),
        }
    }

    /// Whether there is a [handshake](Self::handshake) to make.
    #[must_use]
    pub const fn has_handshake(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(_) => true,
        }
    }

    /// Writes as much as the way out takes at once and never waits.
    ///
    /// With it a client that has more in flight than the sockets hold can turn
    /// to reading when the way out is full, instead of waiting for a peer that
    /// itself waits to be read.
    ///
    /// # Errors
    ///
    /// `WouldBlock` when the way out is full: the next write has to begin with
    /// the same bytes, since some of them may be under way encrypted. Else
    /// what the socket says.
    pub fn write_now(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => write_now(socket, bytes),
            Self::Tls(stream) => stream.write_now(bytes),
        }
    }

    /// Waits until there is something to read, or room to write when that is
    /// wanted too.
    ///
    /// Over TLS, what arrives is taken in and decrypted here: a record that
    /// carries nothing to read, such as a session ticket or new keys, or a part
    /// of a record, is not something to read.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn wait(&self, for_room: bool, timeout: Duration) -> io::Result<Ready> {
        let stream = match self {
            Self::Plain(socket) => return Ok(poll::wait(socket, for_room, timeout)?.into()),
            Self::Tls(stream) => stream,
        };
        if stream.has_received() {
            return Ok(Ready::Read);
        }
        // Later than an instant can be is never.
        let deadline = Instant::now().checked_add(timeout);
        let mut left = timeout;
        loop {
            let found = poll::wait(stream.socket(), for_room, left)?;
            if found.can_read && stream.take_in() {
                return Ok(Ready::Read);
            }
            if found.can_write {
                return Ok(Ready::Write);
            }
            if let Some(deadline) = deadline {
                left = deadline.saturating_duration_since(Instant::now());
            }
            if !found.can_read || left.is_zero() {
                return Ok(Ready::Neither);
            }
        }
    }

    /// Asks again and again, for up to `time`, whether there is something to
    /// read, and returns whether there is. Keeps a CPU busy meanwhile, and saves
    /// what it costs to put a thread to sleep and to wake it up.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn spin(&self, time: Duration) -> io::Result<bool> {
        if let Self::Tls(stream) = self
            && stream.has_received()
        {
            return Ok(true);
        }
        let started = Instant::now();
        while started.elapsed() < time {
            let found = poll::wait(self.socket(), false, Duration::ZERO)?;
            let is_found = found.can_read
                && match self {
                    Self::Plain(_) => true,
                    Self::Tls(stream) => stream.take_in(),
                };
            if is_found {
                return Ok(true);
            }
            // Where there are too few CPUs, the peer or another connection may need
            // this one.
            thread::yield_now();
        }
        Ok(false)
    }

    /// Sets how long a read may wait; `None` for ever.
    ///
    /// # Errors
    ///
    /// What the socket says; zero is invalid.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.socket().set_read_timeout(timeout)
    }

    /// Sets how long a write may wait; `None` for ever.
    ///
    /// # Errors
    ///
    /// What the socket says; zero is invalid.
    pub fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.socket().set_write_timeout(timeout)
    }

    /// Gives back what a burst made the [buffers](Self::buffered) grow to, unless
    /// something is in them.
    pub fn shrink(&self) {
        match self {
            Self::Plain(_) => {}
            Self::Tls(stream) => stream.shrink(),
        }
    }

    /// Bytes that buffers here hold at the moment, beside what the system
    /// holds: over TLS, records that came and were not read, and some that are
    /// on their way out. Bare TCP has none.
    ///
    /// It changes by reading and writing only. Beside it a session of TLS has
    /// about 5 KiB of keys and state.
    #[must_use]
    pub fn buffered(&self) -> usize {
        match self {
            Self::Plain(_) => 0,
            Self::Tls(stream) => stream.buffered(),
        }
    }

    /// Most bytes that they hold during and after a read or a write of at most
    /// `len` bytes, unless they hold more before. They grow as bytes arrive.
    #[must_use]
    pub fn max_buffered(&self, len: usize) -> usize {
        match self {
            Self::Plain(_) => 0,
            Self::Tls(_) => TlsStream::max_buffered(len),
        }
    }

    /// Shuts the socket down at once; blocked reads and writes wake up.
    ///
    /// # Errors
    ///
    /// What the socket says, such as that the peer has closed it already.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.socket().shutdown(how)
    }

    /// Bytes that have arrived and were not read, or a few more: over TLS they
    /// are counted as they arrived. Where the system does not say, as many as
    /// there may be.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn unread(&self) -> io::Result<u64> {
        #[cfg(unix)]
        let arrived = rustix::io::ioctl_fionread(self.socket())?;
        #[cfg(not(unix))]
        let arrived = u64::MAX;
        match self {
            Self::Plain(_) => Ok(arrived),
            Self::Tls(stream) => Ok(arrived.saturating_add(stream.unread() as u64)),
        }
    }

    /// Says that no more will come and swallows what the peer is still
    /// sending, `most` bytes or for `timeout` at most, so that it can read all
    /// that was sent to it.
    #[inline(never)] // Its buffer would be on every connection's stack.
    pub fn linger(&self, most: u64, timeout: Duration) {
        // Later than an instant can be is never.
        let deadline = Instant::now().checked_add(timeout);
        if let Self::Tls(stream) = self {
            stream.send_close_notify();
        }
        let mut socket = self.socket();
        if socket.shutdown(Shutdown::Write).is_err() {
            return;
        }
        let mut left = most;
        let mut buf = [0; 4096];
        while left > 0 {
            let now = Instant::now();
            let timeout = deadline.map_or(timeout, |end| end.saturating_duration_since(now));
            if timeout.is_zero() || socket.set_read_timeout(Some(timeout)).is_err() {
                return;
            }
            match socket.read(&mut buf) {
                Ok(0) | Err(_) => return,
                Ok(n) => left = left.saturating_sub(n as u64),
            }
        }
    }

    /// The addresses of this end and of the peer's.
    ///
    /// # Errors
    ///
    /// What the socket says, such as that the peer has closed it already.
    pub fn addrs(&self) -> io::Result<[SocketAddr; 2]> {
        let socket = self.socket();
        Ok([socket.local_addr()?, socket.peer_addr()?])
    }

    /// Whether the peer is on this host, as both ends' addresses tell: they are
    /// the same, or the loopback's.
    #[must_use]
    pub fn is_same_host(&self) -> bool {
        let socket = self.socket();
        match (socket.local_addr(), socket.peer_addr()) {
            (Ok(local), Ok(peer)) => {
                local.ip().to_canonical() == peer.ip().to_canonical()
                    || peer.ip().to_canonical().is_loopback()
            }
            // A peer that is gone has no address any more.
            (Ok(local), Err(_)) => local.ip().to_canonical().is_loopback(),
            _ => false,
        }
    }

    const fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(stream) => stream.socket(),
        }
    }
}

impl Read for &Stream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(socket) => (&*socket).read(buf),
            Stream::Tls(stream) => stream.read(buf),
        }
    }
}

impl Write for &Stream {
    /// Returns as soon as something is written: with a peer that reads slowly,
    /// each write shows that it does.
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(socket) => write(socket, buf),
            Stream::Tls(stream) => stream.write(buf),
        }
    }

    /// There is nothing to do: what a write took is with the system.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
