//! What std cannot say about a connected socket.

use std::{io, net::TcpStream};

use socket2::SockRef;

/// What a socket is told before it carries anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SocketOptions {
    /// Bytes that the kernel keeps for sending; Linux doubles the number and
    /// caps it (socket(7), `net.core.wmem_max`). `None`: the system chooses,
    /// and adapts.
    pub send_buffer: Option<usize>,
    /// The same for receiving (`net.core.rmem_max`).
    pub recv_buffer: Option<usize>,
    /// Whether Nagle's algorithm (RFC 896) may hold small segments back until
    /// earlier ones are acknowledged.
    pub nagle: bool,
}

impl SocketOptions {
    /// Sets the buffers. They have to be set before connecting or listening:
    /// the handshake says how large a window can become.
    pub(crate) fn set_buffers(self, socket: &SockRef<'_>) -> io::Result<()> {
        if let Some(bytes) = self.send_buffer {
            socket.set_send_buffer_size(bytes)?;
        }
        if let Some(bytes) = self.recv_buffer {
            socket.set_recv_buffer_size(bytes)?;
        }
        Ok(())
    }

    /// What is set on a connected socket.
    ///
    /// # Errors
    ///
    /// What the socket says.
    pub fn set_connected(self, stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(!self.nagle)
    }
}

/// The sizes of a socket's buffers as the kernel has them, in words.
///
/// # Errors
///
/// What the socket says.
pub fn buffer_sizes<'s>(socket: impl Into<SockRef<'s>>) -> io::Result<String> {
    let socket = socket.into();
    let (send, recv) = (socket.send_buffer_size()?, socket.recv_buffer_size()?);
    Ok(format!(
        "send buffer {send} bytes, receive buffer {recv} bytes"
    ))
}

/// Whether a read or write ended because the socket's timeout ran out: Unix
/// says `WouldBlock`, Windows `TimedOut`.
#[must_use]
pub fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

/// See [`Stream::write_now`](crate::Stream::write_now).
pub(crate) fn write_now(stream: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    #[cfg(unix)]
    {
        // std ignores SIGPIPE at start, so a closed peer is an error here too.
        socket2::SockRef::from(stream).send_with_flags(bytes, libc::MSG_DONTWAIT)
    }
    #[cfg(not(unix))]
    {
        use std::io::Write;

        let mut stream = stream;
        stream.set_nonblocking(true)?;
        let written = stream.write(bytes);
        stream.set_nonblocking(false)?;
        written
    }
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
