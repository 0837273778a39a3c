//! Connecting to a server.

use std::{
    io,
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::{
    ClientTls, Error, NetworkOptions, SocketOptions, Stream,
    deadline::Deadline,
    poll,
    resolve::{resolve, zone_advice},
    socket::buffer_sizes,
};

/// Default maximum wait for a connection.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Time between two checks of whether the caller still wants the connection.
const CHECK_INTERVAL: Duration = Duration::from_millis(20);

/// How to connect to a server.
///
/// # Examples
///
/// ```
/// use std::{io::{Read, Write}, net::TcpListener, time::Duration};
///
/// use transport::Dialer;
///
/// let listener = TcpListener::bind("127.0.0.1:0").unwrap();
/// let mut dialer = Dialer::new(listener.local_addr().unwrap().to_string());
/// dialer.timeout = Duration::from_secs(1);
/// let mut stream = &dialer.dial()?;
/// stream.write_all(b"hi").unwrap();
///
/// let (mut accepted, _) = listener.accept().unwrap();
/// let mut received = [0; 2];
/// accepted.read_exact(&mut received).unwrap();
/// assert_eq!(&received, b"hi");
/// # Ok::<(), transport::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Dialer {
    /// `name:port`, `address:port` or `[address%zone]:port`.
    pub host: String,
    /// Maximum wait for a connection, per address tried, TLS handshake
    /// included.
    pub timeout: Duration,
    /// Options of each socket.
    pub socket: SocketOptions,
    /// Network options: source address, IP version, packets.
    pub network: NetworkOptions,
    /// TLS; `None`: plain TCP.
    pub tls: Option<ClientTls>,
}

impl Dialer {
    /// Connects to `host`, given as [`name:port` or the like](Self::host),
    /// within 5 seconds and without TLS, unless the other fields are set.
    #[must_use]
    pub fn new(host: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            timeout: TIMEOUT,
            socket: SocketOptions::default(),
            network: NetworkOptions::default(),
            tls: None,
        }
    }

    /// Connects to the host, trying each resolved address in turn.
    ///
    /// Blocks for at most the timeout per address; resolving a name takes as
    /// long as the system's resolver does.
    ///
    /// # Errors
    ///
    /// [`Error::Resolve`], or [`Error::Connect`] with every address tried. A
    /// socket connected to itself counts as refused: nothing listens there.
    pub fn dial(&self) -> Result<Stream, Error> {
        self.dial_while(|| true)
    }

    /// Like [`dial`](Self::dial), but gives up within 20 ms once `is_wanted`
    /// returns `false`: no connection is made after that.
    ///
    /// # Errors
    ///
    /// As [`dial`](Self::dial); `Interrupted` for what is not wanted.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::{io::ErrorKind, net::TcpListener};
    ///
    /// use transport::Dialer;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    /// let dialer = Dialer::new(listener.local_addr().unwrap().to_string());
    /// let error = dialer.dial_while(|| false).unwrap_err();
    /// assert_eq!(error.kind(), Some(ErrorKind::Interrupted));
    /// ```
    pub fn dial_while(&self, is_wanted: impl Fn() -> bool) -> Result<Stream, Error> {
        let host = &self.host;
        let mut failures = Vec::new();
        let mut last = None;
        let addrs = resolve(host)?.into_iter();
        for addr in addrs.filter(|addr| self.network.allows(addr)) {
            match self.dial_addr(&addr, &is_wanted) {
                Ok(stream) => return Ok(stream),
                Err(error) => {
                    failures.push(format!("{addr}: {error}"));
                    last = Some((addr, error));
                }
            }
        }
        let Some((addr, last)) = last else {
            let source = io::Error::new(io::ErrorKind::NotFound, self.network.lacking());
            let host = host.clone();
            return Err(Error::Resolve { host, source });
        };
        let advice = match last.kind() {
            io::ErrorKind::ConnectionRefused => "; is a server listening there?",
            io::ErrorKind::TimedOut => "; is the address right, and does a firewall allow it?",
            io::ErrorKind::InvalidInput | io::ErrorKind::NetworkUnreachable => zone_advice(&addr),
            _ => "",
        };
        Err(Error::Connect {
            kind: last.kind(),
            failures: failures.join("; ") + advice,
        })
    }

    /// Connects to one address of the host, without resolving it; gives up once
    /// `is_wanted` returns `false`. The IP version and the source address limit
    /// the choice of addresses in [`dial`](Self::dial) only.
    ///
    /// # Errors
    ///
    /// The system's error, or that of the TLS handshake; `Interrupted` for what is
    /// not wanted.
    pub fn dial_addr(
        &self,
        addr: &SocketAddr,
        is_wanted: &impl Fn() -> bool,
    ) -> io::Result<Stream> {
        let deadline = Deadline::after(self.timeout);
        let socket = Socket::new(
            Domain::for_address(*addr),
            Type::STREAM,
            Some(Protocol::TCP),
        )?;
        self.socket.prepare(&SockRef::from(&socket))?;
        self.network.prepare(&socket, addr)?;
        let connected = connect(socket, addr, deadline, is_wanted);
        let stream = connected.map_err(|error| match error.kind() {
            io::ErrorKind::AddrNotAvailable => crate::network::explain(
                &error,
                "no local address with a free port",
                "; `sysctl net.ipv4.ip_local_port_range` shows how many ports there are",
            ),
            _ => error,
        })?;
        if is_self_connected(&stream) {
            return Err(io::Error::new(
                io::ErrorKind::ConnectionRefused,
                "the system connected the socket to itself, nothing listens there",
            ));
        }
        self.socket.set_connected(&stream)?;
        tracing::debug!("{}", buffer_sizes(&stream)?);
        let Some(tls) = &self.tls else {
            return Ok(stream.into());
        };
        let stream = Stream::from(tls.over(stream, &self.host)?);
        stream.handshake(deadline.0)?;
        Ok(stream)
    }
}

/// Connects until `deadline` and while `is_wanted`. Systems without poll check
/// `is_wanted` only before the attempt and after it.
fn connect(
    socket: Socket,
    addr: &SocketAddr,
    deadline: Deadline,
    is_wanted: &impl Fn() -> bool,
) -> io::Result<TcpStream> {
    let check_wanted = || {
        let unwanted = || io::Error::new(io::ErrorKind::Interrupted, "no longer wanted");
        is_wanted().then_some(()).ok_or_else(unwanted)
    };
    check_wanted()?;
    let first = if cfg!(unix) {
        CHECK_INTERVAL.min(deadline.left())
    } else {
        deadline.left()
    };
    match socket.connect_timeout(&(*addr).into(), first) {
        Err(error) if error.kind() == io::ErrorKind::TimedOut => {}
        connected => return connected.map(|()| socket.into()),
    }
    // The connection attempt continues in the background.
    let stream = TcpStream::from(socket);
    loop {
        check_wanted()?;
        let left = deadline.left();
        if left.is_zero() {
            let error = io::Error::new(io::ErrorKind::TimedOut, "connection timed out");
            return Err(error);
        }
        let found = poll::wait(&stream, true, left.min(CHECK_INTERVAL))?;
        if found.can_read || found.can_write {
            return stream.take_error()?.map_or(Ok(stream), Err);
        }
    }
}

/// Whether both ends of a connection are the same socket.
///
/// It happens when a local port inside the ephemeral range has no listener and
/// the system picks that port as the source (TCP's simultaneous open, RFC 9293
/// section 3.5): the socket receives everything it sends, as if from an echo
/// server.
fn is_self_connected(stream: &TcpStream) -> bool {
    matches!((stream.local_addr(), stream.peer_addr()), (Ok(local), Ok(peer)) if local == peer)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn dialer(host: &impl ToString, socket: SocketOptions) -> Dialer {
        Dialer {
            socket,
            ..Dialer::new(host.to_string())
        }
    }

    fn dial_plain(host: &impl ToString, socket: SocketOptions) -> TcpStream {
        match dialer(host, socket).dial().unwrap() {
            Stream::Plain(socket) => socket,
            Stream::Tls(_) => unreachable!("it was not requested"),
        }
    }

    #[test]
    fn a_socket_connected_to_itself_is_detected() {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let any_port: SocketAddr = "127.0.0.1:0".parse().unwrap();
        socket.bind(&any_port.into()).unwrap();
        let own = socket.local_addr().unwrap();
        if socket.connect(&own).is_ok() {
            assert!(is_self_connected(&socket.into()));
        } // else this system has no simultaneous open

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert!(!is_self_connected(&stream));
    }

    #[test]
    fn socket_options_are_applied() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let stream = dial_plain(&addr, SocketOptions::default());
        assert!(stream.nodelay().unwrap());

        let small = SocketOptions {
            send_buffer: Some(8192),
            recv_buffer: Some(8192),
            nagle: true,
        };
        let stream = dial_plain(&addr, small);
        assert!(!stream.nodelay().unwrap());
        let socket = SockRef::from(&stream);
        // Linux doubles the requested size.
        for size in [socket.send_buffer_size(), socket.recv_buffer_size()] {
            assert!((8192..=16384).contains(&size.unwrap()));
        }
    }

    /// A listener with a full queue: connection attempts wait for
    /// retransmissions.
    #[cfg(target_os = "linux")]
    fn full_listener() -> (TcpListener, Vec<TcpStream>) {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let any_port: SocketAddr = "127.0.0.1:0".parse().unwrap();
        socket.bind(&any_port.into()).unwrap();
        socket.listen(0).unwrap();
        let listener = TcpListener::from(socket);
        let addr = listener.local_addr().unwrap();
        let soon = Duration::from_millis(200);
        let queued = std::iter::from_fn(|| TcpStream::connect_timeout(&addr, soon).ok());
        let queued = queued.take(100).collect();
        (listener, queued)
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_slow_connection_is_made_while_it_is_wanted() {
        let (listener, _queued) = full_listener();
        let mut dialer = dialer(&listener.local_addr().unwrap(), SocketOptions::default());
        let started = std::time::Instant::now();
        let wanted = Duration::from_millis(100);
        assert!(dialer.dial_while(|| started.elapsed() < wanted).is_err());
        assert!(started.elapsed() < dialer.timeout);
        dialer.timeout = Duration::from_millis(100);
        let error = dialer.dial().unwrap_err();
        assert!(error.to_string().contains("timed out"), "{error}");

        // Once the queue has room, a retransmission connects.
        dialer.timeout = Duration::from_mins(1);
        std::thread::scope(|scope| {
            let dial = scope.spawn(|| dialer.dial());
            let mut accepted = Vec::new();
            while !dial.is_finished() {
                listener.set_nonblocking(true).unwrap();
                accepted.extend(listener.accept());
                std::thread::sleep(Duration::from_millis(10));
            }
            let stream = dial.join().unwrap().unwrap();
            assert!(stream.is_same_host());
        });
    }

    #[test]
    fn a_connection_that_is_not_wanted_is_not_made() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let dialer = dialer(&listener.local_addr().unwrap(), SocketOptions::default());
        let error = dialer.dial_while(|| false).unwrap_err();
        assert_eq!(error.kind(), Some(io::ErrorKind::Interrupted), "{error}");
        assert!(listener.accept().is_err());
    }

    #[test]
    fn every_address_tried_is_in_the_error() {
        // Bound, not listening, so that no other program takes the port.
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let any_port: SocketAddr = "127.0.0.1:0".parse().unwrap();
        socket.bind(&any_port.into()).unwrap();
        let addr = socket.local_addr().unwrap().as_socket().unwrap();

        let error = dialer(&addr, SocketOptions::default()).dial().unwrap_err();
        assert!(error.to_string().contains(&addr.to_string()), "{error}");
        assert_eq!(error.kind(), Some(io::ErrorKind::ConnectionRefused));
    }
}
