//! Socket options and system calls that std lacks.

#[cfg(unix)]
use std::time::Duration;
use std::{io, net::TcpStream};

#[cfg(unix)]
use rustix::event::PollFlags;
use socket2::SockRef;

#[cfg(unix)]
use crate::{deadline::Deadline, poll::poll_one};

/// Options of a socket.
///
/// # Examples
///
/// ```
/// use transport::SocketOptions;
///
/// let mut options = SocketOptions::default();
/// options.send_buffer = Some(64 << 10);
/// assert!(!options.nagle);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SocketOptions {
    /// Size of the kernel's send buffer, in bytes; Linux doubles it and caps it
    /// (socket(7), `net.core.wmem_max`). `None`: the system chooses and adapts
    /// it.
    pub send_buffer: Option<usize>,
    /// Size of the receive buffer (`net.core.rmem_max`).
    pub recv_buffer: Option<usize>,
    /// Whether Nagle's algorithm (RFC 896) may delay small segments until
    /// earlier ones are acknowledged.
    pub nagle: bool,
}

impl SocketOptions {
    /// Sets up a socket before it connects or listens: the TCP handshake fixes
    /// the window scale, and the first byte may be urgent.
    pub(crate) fn prepare(self, socket: &SockRef<'_>) -> io::Result<()> {
        // Otherwise the system takes urgent bytes out of the stream, and a peer
        // could make the reader see a frame that it never sent (RFC 6093).
        socket.set_out_of_band_inline(true)?;
        if let Some(bytes) = self.send_buffer {
            socket.set_send_buffer_size(bytes)?;
        }
        if let Some(bytes) = self.recv_buffer {
            socket.set_recv_buffer_size(bytes)?;
        }
        Ok(())
    }

    /// Sets up a connected socket. One that was queued before its listener was
    /// [set up](crate::set_up_listener) has not inherited the options.
    ///
    /// # Errors
    ///
    /// The socket's error.
    pub fn set_connected(self, stream: &TcpStream) -> io::Result<()> {
        self.prepare(&SockRef::from(stream))?;
        stream.set_nodelay(!self.nagle)
    }
}

/// The kernel's actual buffer sizes of a socket, as text.
pub(crate) fn buffer_sizes<'s>(socket: impl Into<SockRef<'s>>) -> io::Result<String> {
    let socket = socket.into();
    let (send, recv) = (socket.send_buffer_size()?, socket.recv_buffer_size()?);
    Ok(format!(
        "send buffer {send} bytes, receive buffer {recv} bytes"
    ))
}

/// Whether a read or write ended by the socket's timeout: `WouldBlock` on Unix,
/// `TimedOut` on Windows.
///
/// # Examples
///
/// ```
/// use std::io;
///
/// assert!(transport::is_timeout(&io::ErrorKind::WouldBlock.into()));
/// assert!(!transport::is_timeout(&io::ErrorKind::ConnectionReset.into()));
/// ```
#[must_use]
pub fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

/// How often to retry a write while there is no room. Linux reports room when a
/// third of the send buffer is free, which can be more than a megabyte, but
/// accepts bytes before that.
#[cfg(unix)]
const RETRY: Duration = Duration::from_millis(100);

/// Whether a system call may block.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    Wait,
    Now,
}

/// Reads once; blocks only with [`Patience::Wait`].
pub(crate) fn read(
    mut socket: &TcpStream,
    buf: &mut [u8],
    patience: Patience,
) -> io::Result<usize> {
    use std::io::Read;

    match patience {
        Patience::Wait => socket.read(buf),
        Patience::Now => read_now(socket, buf),
    }
}

/// Writes as much as there is room for. Waits only if there is no room, up to
/// the socket's own timeout.
///
/// A blocking write would return only once the kernel has accepted all bytes: a
/// large one would show no progress while a slow peer reads it.
#[cfg(unix)]
pub(crate) fn write(socket: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    match write_now(socket, bytes) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            write_once_there_is_room(socket, bytes)
        }
        other => other,
    }
}

#[cfg(unix)]
#[cold]
fn write_once_there_is_room(socket: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    let deadline = socket.write_timeout()?.map(Deadline::after);
    loop {
        let left = deadline.map_or(RETRY, Deadline::left);
        poll_one(socket, PollFlags::OUT, Some(left.min(RETRY)))?;
        match write_now(socket, bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && !left.is_zero() => {}
            other => return other,
        }
    }
}

/// Other systems block, so each write is short.
#[cfg(not(unix))]
pub(crate) fn write(mut socket: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    use std::io::Write;

    const MAX_WRITE: usize = 256 * 1024;

    socket.write(bytes.get(..MAX_WRITE).unwrap_or(bytes))
}

#[cfg(unix)]
fn read_now(socket: &TcpStream, buf: &mut [u8]) -> io::Result<usize> {
    let (_, n) = rustix::net::recv(socket, buf, rustix::net::RecvFlags::DONTWAIT)?;
    Ok(n)
}

/// See [`Stream::write_now`](crate::Stream::write_now).
#[cfg(unix)]
pub(crate) fn write_now(socket: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    // std ignores SIGPIPE at start, so a closed peer returns an error here too.
    Ok(rustix::net::send(
        socket,
        bytes,
        rustix::net::SendFlags::DONTWAIT,
    )?)
}

#[cfg(not(unix))]
fn read_now(socket: &TcpStream, buf: &mut [u8]) -> io::Result<usize> {
    without_waiting(socket, |mut socket| io::Read::read(&mut socket, buf))
}

/// See [`Stream::write_now`](crate::Stream::write_now).
#[cfg(not(unix))]
pub(crate) fn write_now(socket: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    without_waiting(socket, |mut socket| io::Write::write(&mut socket, bytes))
}

#[cfg(not(unix))]
fn without_waiting(
    socket: &TcpStream,
    call: impl FnOnce(&TcpStream) -> io::Result<usize>,
) -> io::Result<usize> {
    socket.set_nonblocking(true)?;
    let outcome = call(socket);
    socket.set_nonblocking(false)?;
    outcome
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_full_send_buffer_does_not_block() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (_peer, _) = listener.accept().unwrap();
        let chunk = vec![0; 1 << 20];
        // 64 MiB is more than any default send and receive buffer.
        let full = (0..64).find_map(|_| write_now(&stream, &chunk).err());
        assert_eq!(full.unwrap().kind(), io::ErrorKind::WouldBlock);
    }
}
