//! Connecting to a server.

use std::{
    io,
    net::{SocketAddr, TcpStream, ToSocketAddrs},
    time::Duration,
};

use anyhow::{Context, Result, bail};

/// Connects to `host` (`name:port` or `address:port`), trying each resolved
/// address in turn, and turns Nagle's algorithm off.
///
/// Blocks for at most `timeout` for each address; resolving a name takes as
/// long as the system's resolver does.
///
/// # Errors
///
/// One line that names every address tried and what it said, as an
/// [`io::Error`] of the last one's kind. A connection to itself counts as
/// refused: nothing listens there.
pub fn dial(host: &str, timeout: Duration) -> Result<TcpStream> {
    let addrs: Vec<SocketAddr> = host
        .to_socket_addrs()
        .with_context(|| format!("cannot resolve {host}"))?
        .collect();
    let mut failures = Vec::new();
    let mut last = None;
    for addr in &addrs {
        match dial_addr(addr, timeout) {
            Ok(stream) => return Ok(stream),
            Err(error) => {
                failures.push(format!("{addr}: {error}"));
                last = Some(error);
            }
        }
    }
    let Some(last) = last else {
        bail!("{host} resolves to no address");
    };
    let advice = match last.kind() {
        io::ErrorKind::ConnectionRefused => "; is a server listening there?",
        _ if is_connect_timeout(&last) => "; is the address right, and does a firewall allow it?",
        _ => "",
    };
    let what = format!("cannot connect to {}{advice}", failures.join("; "));
    Err(io::Error::new(last.kind(), what).into())
}

fn dial_addr(addr: &SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(addr, timeout)?;
    if is_self_connected(&stream) {
        return Err(io::Error::new(
            io::ErrorKind::ConnectionRefused,
            "the system connected the socket to itself, nothing listens there",
        ));
    }
    stream.set_nodelay(true)?;
    Ok(stream)
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

fn is_connect_timeout(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::TimedOut
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::net::TcpListener;

    use socket2::{Domain, Socket, Type};

    use super::*;

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
    fn small_messages_are_not_held_back() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        assert!(
            dial(&host, Duration::from_secs(5))
                .unwrap()
                .nodelay()
                .unwrap()
        );
    }

    #[test]
    fn every_address_tried_is_in_the_error() {
        // Bound, not listening: nothing else can take the port meanwhile.
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let any_port: SocketAddr = "127.0.0.1:0".parse().unwrap();
        socket.bind(&any_port.into()).unwrap();
        let addr = socket.local_addr().unwrap().as_socket().unwrap();

        let error = dial(&addr.to_string(), Duration::from_secs(5)).unwrap_err();
        assert!(error.to_string().contains(&addr.to_string()), "{error}");
        let error = error.downcast::<io::Error>().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }
}
