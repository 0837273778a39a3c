//! What std cannot say about a connected socket.

use std::{io, net::TcpStream};

/// Whether a read or write ended because the socket's timeout ran out: Unix
/// says `WouldBlock`, Windows `TimedOut`.
#[must_use]
pub fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

/// Writes as much as the send buffer takes at once and never waits.
///
/// With it a client that has more in flight than the sockets hold can turn to
/// reading when the way out is full, instead of waiting for a peer that
/// itself waits to be read.
///
/// # Errors
///
/// `WouldBlock` when the send buffer is full; else what the socket says.
pub fn write_now(stream: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
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
