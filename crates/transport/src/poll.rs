//! Waiting for a socket in both directions at once.

use std::{io, net::TcpStream, time::Duration};

use crate::Ready;

/// Waits until `socket` can be read, or written if `for_room`, for at most
/// `timeout`.
#[cfg(unix)]
pub(crate) fn wait(socket: &TcpStream, for_room: bool, timeout: Duration) -> io::Result<Ready> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    let mut interest = PollFlags::IN;
    interest.set(PollFlags::OUT, for_room);
    let mut fds = [PollFd::new(socket, interest)];
    let timeout = Timespec::try_from(timeout).ok();
    match poll(&mut fds, timeout.as_ref()) {
        Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(Ready::Neither),
        Ok(_) => {}
        Err(error) => return Err(error.into()),
    }
    let [fd] = fds;
    let events = fd.revents();
    // An error is found by reading.
    Ok(if events == PollFlags::OUT {
        Ready::Write
    } else {
        Ready::Read
    })
}

/// Elsewhere the socket is asked, and asked again every millisecond; whether
/// there is room is found by trying.
#[cfg(not(unix))]
pub(crate) fn wait(socket: &TcpStream, for_room: bool, timeout: Duration) -> io::Result<Ready> {
    const PAUSE: Duration = Duration::from_millis(1);

    let deadline = std::time::Instant::now() + timeout;
    loop {
        socket.set_nonblocking(true)?;
        let peeked = socket.peek(&mut [0]);
        socket.set_nonblocking(false)?;
        match peeked {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            _ => return Ok(Ready::Read),
        }
        if std::time::Instant::now() >= deadline {
            return Ok(Ready::Neither);
        }
        std::thread::sleep(PAUSE.min(timeout));
        if for_room {
            return Ok(Ready::Write);
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
        assert_eq!(wait(&stream, false, short).unwrap(), Ready::Neither);
        assert_eq!(wait(&stream, true, SOON).unwrap(), Ready::Write);

        let chunk = vec![0; 1 << 20];
        while write_now(&stream, &chunk).is_ok() {}
        #[cfg(unix)]
        assert_eq!(wait(&stream, true, short).unwrap(), Ready::Neither);

        peer.write_all(b"x").unwrap();
        assert_eq!(wait(&stream, true, SOON).unwrap(), Ready::Read);
    }
}
