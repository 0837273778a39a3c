//! Connecting to a server.

use std::{
    io,
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::{
    ClientTls, SocketOptions, Stream, buffer_sizes,
    resolve::{resolve, zone_advice},
};

/// How to reach a server.
#[derive(Clone, Debug)]
pub struct Dialer {
    /// `name:port`, `address:port` or `[address%zone]:port`.
    pub host: String,
    /// Longest wait for a connection, for each address tried; with the TLS
    /// handshake, if there is one.
    pub timeout: Duration,
    /// How each socket is set up.
    pub socket: SocketOptions,
    /// How the connection is encrypted.
    pub tls: ClientTls,
}

impl Dialer {
    /// Connects to the host, trying each resolved address in turn.
    ///
    /// Blocks for at most the timeout for each address; resolving a name takes
    /// as long as the system's resolver does.
    ///
    /// # Errors
    ///
    /// One line that names every address tried and what it said, as an
    /// [`io::Error`] of the last one's kind. A connection to itself counts as
    /// refused: nothing listens there.
    pub fn dial(&self) -> Result<Stream> {
        let host = &self.host;
        let mut failures = Vec::new();
        let mut last = None;
        for addr in resolve(host)? {
            match self.dial_addr(&addr) {
                Ok(stream) => return Ok(stream),
                Err(error) => {
                    failures.push(format!("{addr}: {error}"));
                    last = Some((addr, error));
                }
            }
        }
        let Some((addr, last)) = last else {
            bail!("{host} resolves to no address");
        };
        let advice = match last.kind() {
            io::ErrorKind::ConnectionRefused => "; is a server listening there?",
            io::ErrorKind::TimedOut => "; is the address right, and does a firewall allow it?",
            io::ErrorKind::InvalidInput | io::ErrorKind::NetworkUnreachable => zone_advice(&addr),
            _ => "",
        };
        let what = format!("cannot connect to {}{advice}", failures.join("; "));
        Err(io::Error::new(last.kind(), what).into())
    }

    fn dial_addr(&self, addr: &SocketAddr) -> io::Result<Stream> {
        // Later than an instant can be is never.
        let deadline = Instant::now().checked_add(self.timeout);
        let socket = Socket::new(
            Domain::for_address(*addr),
            Type::STREAM,
            Some(Protocol::TCP),
        )?;
        self.socket.prepare(&SockRef::from(&socket))?;
        socket.connect_timeout(&(*addr).into(), self.timeout)?;
        let stream = TcpStream::from(socket);
        if is_self_connected(&stream) {
            return Err(io::Error::new(
                io::ErrorKind::ConnectionRefused,
                "the system connected the socket to itself, nothing listens there",
            ));
        }
        self.socket.set_connected(&stream)?;
        tracing::debug!("{}", buffer_sizes(&stream)?);
        let stream = self.tls.over(stream, &self.host)?;
        stream.handshake(deadline)?;
        Ok(stream)
    }
}

/// Whether both ends of a connection are the same socket.
///
/// It happens when a local port inside the ephemeral range has no listener
/// and the system picks that very port as the source (TCP's simultaneous
/// open, RFC 9293 section 3.5): everything sent then comes back, as if from
/// an echo server.
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
            host: host.to_string(),
            timeout: Duration::from_secs(5),
            socket,
            tls: ClientTls::default(),
        }
    }

    fn dial_plain(host: &impl ToString, socket: SocketOptions) -> TcpStream {
        match dialer(host, socket).dial().unwrap() {
            Stream::Plain(socket) => socket,
            Stream::Tls(_) => unreachable!("nobody asked for it"),
        }
    }

    #[test]
    fn a_socket_connected_to_itself_is_told_apart() {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let any_port: SocketAddr = "127.0.0.1:0".parse().unwrap();
        socket.bind(&any_port.into()).unwrap();
        let own = socket.local_addr().unwrap();
        if socket.connect(&own).is_ok() {
            assert!(is_self_connected(&socket.into()));
        } // else this system has no simultaneous open, and the fault not either

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert!(!is_self_connected(&stream));
    }

    #[test]
    fn a_socket_is_set_up_as_told() {
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
        // Linux doubles what is asked for.
        for size in [socket.send_buffer_size(), socket.recv_buffer_size()] {
            assert!((8192..=16384).contains(&size.unwrap()));
        }
    }

    #[test]
    fn every_address_tried_is_in_the_error() {
        // Bound, not listening: nothing else can take the port meanwhile.
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let any_port: SocketAddr = "127.0.0.1:0".parse().unwrap();
        socket.bind(&any_port.into()).unwrap();
        let addr = socket.local_addr().unwrap().as_socket().unwrap();

        let error = dialer(&addr, SocketOptions::default()).dial().unwrap_err();
        assert!(error.to_string().contains(&addr.to_string()), "{error}");
        let error = error.downcast::<io::Error>().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }
}
