//! A connection's byte stream, plain or TLS.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use crate::{
    Ready,
    deadline::Deadline,
    poll,
    socket::{write, write_now},
    tls::TlsStream,
};

/// A connected stream. As with [`TcpStream`], `&Stream` reads and writes, so
/// one thread can read while another writes, and a third can shut it down.
///
/// With TLS, a connection that the peer closes without a `close_notify` reads as
/// a clean end: the reader has to detect an end inside a frame.
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
    /// Plain TCP.
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
    /// Does the TLS handshake; returns at once for plain TCP.
    ///
    /// Blocks until the handshake is complete, the socket is shut down, or
    /// `deadline` has passed; without a deadline as long as the peer takes, or the
    /// socket's timeouts allow. A deadline leaves the socket without timeouts.
    ///
    /// # Errors
    ///
    /// One line: what is wrong with the peer or its certificate.
    pub fn handshake(&self, deadline: Option<Instant>) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Tls(stream) => stream.handshake(deadline),
        }
    }

    /// Whether the stream needs a [handshake](Self::handshake).
    #[must_use]
    pub const fn has_handshake(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(_) => true,
        }
    }

    /// Writes as much as the send buffer takes at once, and never blocks.
    ///
    /// A client with more in flight than the sockets hold can read when the
    /// send buffer is full, instead of deadlocking with a peer that waits for
    /// it to read.
    ///
    /// # Errors
    ///
    /// `WouldBlock` when the send buffer is full: the next write has to begin
    /// with the same bytes, since some of them may already be encrypted and
    /// partly sent. Otherwise the socket's error.
    pub fn write_now(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => write_now(socket, bytes),
            Self::Tls(stream) => stream.write_now(bytes),
        }
    }

    /// Waits until there is something to read or, if `for_room`, room to write.
    ///
    /// With TLS, this reads and decrypts what has arrived: a partial record or
    /// one without data, such as a session ticket or a key update, is nothing
    /// to read.
    ///
    /// # Errors
    ///
    /// The system's error.
    pub fn wait(&self, for_room: bool, timeout: Duration) -> io::Result<Ready> {
        let stream = match self {
            Self::Plain(socket) => return Ok(poll::wait(socket, for_room, timeout)?.into()),
            Self::Tls(stream) => stream,
        };
        if stream.has_received() {
            return Ok(Ready::Read);
        }
        let deadline = Deadline::after(timeout);
        let mut left = timeout;
        loop {
            let found = poll::wait(stream.socket(), for_room, left)?;
            if found.can_read && stream.take_in() {
                return Ok(Ready::Read);
            }
            if found.can_write {
                return Ok(Ready::Write);
            }
            left = deadline.left();
            if !found.can_read || left.is_zero() {
                return Ok(Ready::Neither);
            }
        }
    }

    /// Polls for up to `time`, without sleeping; returns whether there is
    /// something to read. Keeps a CPU busy, and saves putting the thread to
    /// sleep and waking it up.
    ///
    /// # Errors
    ///
    /// The system's error.
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
            // With too few CPUs, the peer or another connection may need this
            // one.
            thread::yield_now();
        }
        Ok(false)
    }

    /// Sets the read timeout; `None` for no timeout.
    ///
    /// # Errors
    ///
    /// The socket's error; zero is invalid.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.socket().set_read_timeout(timeout)
    }

    /// Sets the write timeout; `None` for no timeout.
    ///
    /// # Errors
    ///
    /// The socket's error; zero is invalid.
    pub fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.socket().set_write_timeout(timeout)
    }

    /// Frees the [buffers](Self::buffered) that a burst has grown, unless they
    /// hold data.
    pub fn shrink(&self) {
        match self {
            Self::Plain(_) => {}
            Self::Tls(stream) => stream.shrink(),
        }
    }

    /// Bytes that buffers hold in this process, beside the kernel's: with TLS,
    /// received records that are unread, and some being sent. Zero for plain
    /// TCP.
    ///
    /// Only reads and writes change it. A TLS session has about 5 KiB of keys
    /// and state beside it.
    #[must_use]
    pub fn buffered(&self) -> usize {
        match self {
            Self::Plain(_) => 0,
            Self::Tls(stream) => stream.buffered(),
        }
    }

    /// Maximum of [`buffered`](Self::buffered) during and after a read or write
    /// of at most `len` bytes, unless it was larger before. Buffers grow as
    /// bytes arrive.
    #[must_use]
    pub fn max_buffered(&self, len: usize) -> usize {
        match self {
            Self::Plain(_) => 0,
            Self::Tls(_) => TlsStream::max_buffered(len),
        }
    }

    /// Shuts the socket down at once; blocked reads and writes return.
    ///
    /// # Errors
    ///
    /// The socket's error, such as that the peer has closed already.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.socket().shutdown(how)
    }

    /// Bytes that have arrived and are unread, or a few more: with TLS,
    /// ciphertext is counted as it arrived. `u64::MAX` or near it where the
    /// system cannot tell.
    ///
    /// # Errors
    ///
    /// The system's error.
    pub fn unread(&self) -> io::Result<u64> {
        let arrived = self.arrived()?.unwrap_or(u64::MAX);
        match self {
            Self::Plain(_) => Ok(arrived),
            Self::Tls(stream) => Ok(arrived.saturating_add(stream.unread() as u64)),
        }
    }

    /// Whether the socket has nothing to read now, so that a read waits. `true`
    /// where the system cannot tell.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        matches!(self.arrived(), Ok(None | Some(0)))
    }

    /// Bytes that the kernel holds for a read; `None` where it cannot tell.
    #[cfg_attr(not(unix), allow(clippy::unnecessary_wraps, clippy::unused_self))]
    fn arrived(&self) -> io::Result<Option<u64>> {
        #[cfg(unix)]
        return Ok(Some(rustix::io::ioctl_fionread(self.socket())?));
        #[cfg(not(unix))]
        Ok(None)
    }

    /// The local and the peer's address.
    ///
    /// # Errors
    ///
    /// The socket's error, such as that the peer has closed already.
    pub fn addrs(&self) -> io::Result<[SocketAddr; 2]> {
        let socket = self.socket();
        Ok([socket.local_addr()?, socket.peer_addr()?])
    }

    /// Whether the peer is on this host: both addresses are the same, or the
    /// peer's is loopback.
    #[must_use]
    pub fn is_same_host(&self) -> bool {
        let socket = self.socket();
        match (socket.local_addr(), socket.peer_addr()) {
            (Ok(local), Ok(peer)) => {
                local.ip().to_canonical() == peer.ip().to_canonical()
                    || peer.ip().to_canonical().is_loopback()
            }
            // A disconnected peer's address is no longer available.
            (Ok(local), Err(_)) => local.ip().to_canonical().is_loopback(),
            _ => false,
        }
    }

    pub(crate) const fn socket(&self) -> &TcpStream {
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
    /// Returns as soon as some bytes are written, so that each write to a slow
    /// reader shows progress.
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(socket) => write(socket, buf),
            Stream::Tls(stream) => stream.write(buf),
        }
    }

    /// Does nothing: written bytes are already in the kernel.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
