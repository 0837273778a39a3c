//! Network options of a connection: source address, IP version, congestion
//! control, DSCP.

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use socket2::{SockAddr, Socket};

/// A version of IP.
///
/// # Examples
///
/// ```
/// use transport::{Dialer, IpVersion};
///
/// let mut dialer = Dialer::new("localhost:60000");
/// dialer.network.version = Some(IpVersion::V6);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IpVersion {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl IpVersion {
    const fn of(addr: IpAddr) -> Self {
        match addr {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }
}

/// Network options of a connection. By default the system chooses.
///
/// # Examples
///
/// ```
/// use transport::{Dialer, IpVersion};
///
/// let mut dialer = Dialer::new("localhost:60000");
/// dialer.network.version = Some(IpVersion::V4);
/// dialer.network.dscp = Some(46);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NetworkOptions {
    /// Only addresses of this version are dialled.
    pub version: Option<IpVersion>,
    /// The local address; only addresses of its IP version are dialled.
    pub source: Option<IpAddr>,
    /// The congestion control algorithm (`TCP_CONGESTION`).
    pub congestion: Option<String>,
    /// The DSCP of outgoing packets, 0 to 63 (RFC 2474); the upper bits of
    /// larger numbers are cut off.
    pub dscp: Option<u8>,
}

impl NetworkOptions {
    /// Whether to dial this address of the peer.
    pub(crate) fn allows(&self, peer: &SocketAddr) -> bool {
        let version = IpVersion::of(peer.ip());
        let source = self.source.map(IpVersion::of);
        [self.version, source]
            .into_iter()
            .flatten()
            .all(|each| each == version)
    }

    /// Why none of a host's addresses is dialled.
    pub(crate) const fn lacking(&self) -> &'static str {
        match (self.version, self.source) {
            (Some(IpVersion::V4), _) | (None, Some(IpAddr::V4(_))) => "it has no IPv4 address",
            (Some(IpVersion::V6), _) | (None, Some(IpAddr::V6(_))) => "it has no IPv6 address",
            (None, None) => "it has no address",
        }
    }

    /// Sets up a socket before it connects to `peer`.
    pub(crate) fn prepare(&self, socket: &Socket, peer: &SocketAddr) -> io::Result<()> {
        if let Some(dscp) = self.dscp {
            set_dscp(socket, peer, dscp)
                .map_err(|error| explain(&error, &format!("cannot set DSCP {dscp}"), ""))?;
        }
        if let Some(name) = &self.congestion {
            set_congestion(socket, name).map_err(|error| {
                explain(
                    &error,
                    &format!("cannot use the congestion control {name:?}"),
                    CONGESTION_ADVICE,
                )
            })?;
        }
        if let Some(source) = self.source {
            choose_port_at_connect(socket);
            let mut addr = SocketAddr::new(source, 0);
            // A link-local source is on the interface that leads to the peer.
            if let (SocketAddr::V6(addr), SocketAddr::V6(peer)) = (&mut addr, peer) {
                addr.set_scope_id(peer.scope_id());
            }
            socket.bind(&SockAddr::from(addr)).map_err(|error| {
                explain(
                    &error,
                    &format!("cannot connect from {source}"),
                    match error.kind() {
                        io::ErrorKind::AddrNotAvailable => "; is it an address of this host?",
                        io::ErrorKind::AddrInUse => "; its ports are used up",
                        _ => "",
                    },
                )
            })?;
        }
        Ok(())
    }
}

/// Leaves the choice of the port to the connect, when the peer is known. It can then
/// be one that a connection to another peer uses, or used until a moment ago; one
/// chosen earlier has to be free of both.
#[cfg(target_os = "linux")]
fn choose_port_at_connect(socket: &Socket) {
    use nix::sys::socket::{setsockopt, sockopt::IpBindAddressNoPort};

    // Without it, fewer ports can be used.
    let _ = setsockopt(socket, IpBindAddressNoPort, &true);
}

#[cfg(not(target_os = "linux"))]
fn choose_port_at_connect(_: &Socket) {}

/// The upper six bits of IPv4's type of service and of IPv6's traffic class.
/// The kernel uses the lower two for ECN.
fn set_dscp(socket: &Socket, peer: &SocketAddr, dscp: u8) -> io::Result<()> {
    let class = u32::from(dscp << 2);
    match peer {
        SocketAddr::V4(_) => socket.set_tos_v4(class),
        SocketAddr::V6(_) => set_traffic_class(socket, class),
    }
}

#[cfg(any(target_os = "linux", target_os = "macos", target_os = "freebsd"))]
fn set_traffic_class(socket: &Socket, class: u32) -> io::Result<()> {
    socket.set_tclass_v6(class)
}

#[cfg(not(any(target_os = "linux", target_os = "macos", target_os = "freebsd")))]
fn set_traffic_class(_: &Socket, _: u32) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(target_os = "linux")]
const CONGESTION_ADVICE: &str =
    "; `sysctl net.ipv4.tcp_available_congestion_control` lists the available ones";

#[cfg(target_os = "linux")]
fn set_congestion(socket: &Socket, name: &str) -> io::Result<()> {
    socket.set_tcp_congestion(name.as_bytes())
}

#[cfg(not(target_os = "linux"))]
const CONGESTION_ADVICE: &str = "; it can be chosen on Linux only";

#[cfg(not(target_os = "linux"))]
fn set_congestion(_: &Socket, _: &str) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(crate) fn explain(error: &io::Error, what: &str, advice: &str) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}{advice}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use socket2::SockRef;

    use super::*;
    use crate::{Dialer, Error, Stream};

    /// Dials a listener, which stays open.
    fn dial(listen: &str, network: NetworkOptions) -> Result<(TcpStream, TcpListener), Error> {
        let listener = TcpListener::bind(listen).unwrap();
        let mut dialer = Dialer::new(listener.local_addr().unwrap().to_string());
        dialer.network = network;
        match dialer.dial()? {
            Stream::Plain(stream) => Ok((stream, listener)),
            Stream::Tls(_) => unreachable!("it was not requested"),
        }
    }

    #[track_caller]
    fn error(network: NetworkOptions) -> String {
        let error = dial("127.0.0.1:0", network).unwrap_err();
        let source = std::error::Error::source(&error);
        let source = source.map(ToString::to_string).unwrap_or_default();
        format!("{error}: {source}")
    }

    #[test]
    fn packets_have_the_configured_dscp() {
        let network = NetworkOptions {
            dscp: Some(46),
            ..NetworkOptions::default()
        };
        let (stream, _listener) = dial("127.0.0.1:0", network.clone()).unwrap();
        assert_eq!(SockRef::from(&stream).tos_v4().unwrap(), 46 << 2);
        #[cfg(target_os = "linux")]
        {
            let (stream, _listener) = dial("[::1]:0", network).unwrap();
            assert_eq!(SockRef::from(&stream).tclass_v6().unwrap(), 46 << 2);
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn congestion_control_is_the_configured_one() {
        // Every kernel has reno.
        let network = NetworkOptions {
            congestion: Some("reno".to_owned()),
            ..NetworkOptions::default()
        };
        let (stream, _listener) = dial("127.0.0.1:0", network).unwrap();
        let name = SockRef::from(&stream).tcp_congestion().unwrap();
        assert!(name.starts_with(b"reno\0"), "{name:?}");

        let error = error(NetworkOptions {
            congestion: Some("no\nsuch".to_owned()),
            ..NetworkOptions::default()
        });
        assert!(
            error.contains("cannot use the congestion control \"no\\nsuch\": ")
                && error.contains("tcp_available_congestion_control"),
            "{error}"
        );
    }

    #[test]
    #[cfg(target_os = "linux")] // all of 127.0.0.0/8 is local
    fn a_connection_comes_from_its_source() {
        let source = |source: &str| NetworkOptions {
            source: Some(source.parse().unwrap()),
            ..NetworkOptions::default()
        };
        let (stream, _listener) = dial("127.0.0.1:0", source("127.0.0.2")).unwrap();
        let own = stream.local_addr().unwrap();
        assert_eq!(own.ip().to_string(), "127.0.0.2");

        // Its port is that of one connection, not reserved for all.
        for (peer, from) in [("127.0.0.1:7", "127.0.0.2"), ("[::1]:7", "::1")] {
            let peer = peer.parse().unwrap();
            let domain = socket2::Domain::for_address(peer);
            let socket = Socket::new(domain, socket2::Type::STREAM, None).unwrap();
            source(from).prepare(&socket, &peer).unwrap();
            let own = socket.local_addr().unwrap().as_socket().unwrap();
            assert_eq!((own.ip().to_string().as_str(), own.port()), (from, 0));
        }

        // From the documentation network (RFC 5737).
        let message = error(source("192.0.2.1"));
        assert!(
            message.contains("cannot connect from 192.0.2.1: ")
                && message.contains("is it an address of this host?"),
            "{message}"
        );
        let message = error(source("::1"));
        assert!(message.ends_with(": it has no IPv6 address"), "{message}");
    }

    #[test]
    fn addresses_of_the_other_version_are_left_out() {
        let only = |version| NetworkOptions {
            version: Some(version),
            ..NetworkOptions::default()
        };
        assert!(dial("127.0.0.1:0", only(IpVersion::V4)).is_ok());
        let message = error(only(IpVersion::V6));
        assert!(message.ends_with(": it has no IPv6 address"), "{message}");
    }
}
