//! Waiting until a socket is ready, in both directions at once.

#[cfg(unix)]
use std::os::fd::AsFd;
use std::{io, net::TcpStream, time::Duration};

#[cfg(unix)]
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};

/// The result of a [wait](crate::Stream::wait).
///
/// # Examples
///
/// ```
/// use std::{net::{TcpListener, TcpStream}, time::Duration};
///
/// use transport::{Ready, Stream};
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let stream = Stream::from(TcpStream::connect(listener.local_addr()?)?);
/// let short = Duration::from_millis(1);
/// assert_eq!(stream.wait(false, short)?, Ready::Neither);
/// assert_eq!(stream.wait(true, short)?, Ready::Write);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// Ready to read: bytes, the end, or an error.
    Read,
    /// Nothing to read, but room in the send buffer.
    Write,
    /// Neither within the timeout.
    Neither,
}

/// The readiness of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Bytes, the end, or an error.
    pub(crate) can_read: bool,
    pub(crate) can_write: bool,
}

impl From<Found> for Ready {
    fn from(found: Found) -> Self {
        match found {
            Found { can_read: true, .. } => Self::Read,
            Found {
                can_write: true, ..
            } => Self::Write,
            _ => Self::Neither,
        }
    }
}

/// Waits until `socket` can be read, or written if `for_room`, for at most
/// `timeout`.
#[cfg(unix)]
pub(crate) fn wait(socket: &TcpStream, for_room: bool, timeout: Duration) -> io::Result<Found> {
    let mut interest = PollFlags::IN;
    interest.set(PollFlags::OUT, for_room);
    let events = poll_one(socket, interest, Some(timeout))?;
    Ok(Found {
        // Reading returns the error.
        can_read: !(events - PollFlags::OUT).is_empty(),
        can_write: events.contains(PollFlags::OUT),
    })
}

/// Waits for one descriptor, without a `timeout` until it is ready or has failed.
/// Returns no events after the timeout, or earlier if a signal interrupts it.
#[cfg(unix)]
pub(crate) fn poll_one(
    descriptor: &impl AsFd,
    interest: PollFlags,
    timeout: Option<Duration>,
) -> io::Result<PollFlags> {
    // A timeout that does not fit is longer than any wait.
    let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    let mut fds = [PollFd::new(descriptor, interest)];
    match poll(&mut fds, timeout.as_ref()) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    let [fd] = fds;
    Ok(fd.revents())
}

/// Other systems peek at the socket every millisecond; only a write finds out
/// whether there is room.
#[cfg(not(unix))]
pub(crate) fn wait(socket: &TcpStream, for_room: bool, timeout: Duration) -> io::Result<Found> {
    const PAUSE: Duration = Duration::from_millis(1);

    let started = std::time::Instant::now();
    loop {
        socket.set_nonblocking(true)?;
        let peeked = socket.peek(&mut [0]);
        socket.set_nonblocking(false)?;
        match peeked {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            _ => {
                return Ok(Found {
                    can_read: true,
                    can_write: for_room,
                });
            }
        }
        if started.elapsed() >= timeout {
            return Ok(Found {
                can_read: false,
                can_write: false,
            });
        }
        std::thread::sleep(PAUSE.min(timeout));
        if for_room {
            return Ok(Found {
                can_read: false,
                can_write: true,
            });
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::{io::Write, net::TcpListener};

    use super::*;
    use crate::socket::write_now;

    const SOON: Duration = Duration::from_secs(10);

    #[test]
    fn a_socket_is_waited_for_in_both_directions() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        let short = Duration::from_millis(1);
        let wait = |for_room, timeout| Ready::from(wait(&stream, for_room, timeout).unwrap());
        assert_eq!(wait(false, short), Ready::Neither);
        assert_eq!(wait(true, SOON), Ready::Write);

        let chunk = vec![0; 1 << 20];
        while write_now(&stream, &chunk).is_ok() {}
        #[cfg(unix)]
        assert_eq!(wait(true, short), Ready::Neither);

        peer.write_all(b"x").unwrap();
        assert_eq!(wait(true, SOON), Ready::Read);
    }
}
