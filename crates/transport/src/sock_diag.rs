//! TCP connections as the kernel sees them, by `sock_diag(7)`. No privilege is needed.
//!
//! # Examples
//!
//! One connection by its addresses, and all of a server's port:
//!
//! ```
//! use std::net::{TcpListener, TcpStream};
//!
//! use transport::sock_diag;
//!
//! let listener = TcpListener::bind("127.0.0.1:0")?;
//! let stream = TcpStream::connect(listener.local_addr()?)?;
//! let ends = [stream.local_addr()?, stream.peer_addr()?];
//! if let Some(all) = sock_diag::dump(0, ends[1].port()) {
//!     assert_eq!(all.len(), 1);
//!     let (listed, found) = (all[&sock_diag::key(ends)], sock_diag::find(ends).unwrap());
//!     assert_eq!(listed.mss, found.mss);
//! }
//! # Ok::<(), std::io::Error>(())
//! ```

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr, SocketAddrV6},
};

use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_sock_diag::{
    SockDiagMessage,
    constants::{AF_INET, AF_INET6, IPPROTO_TCP},
    inet::{ExtensionFlags, InetRequest, InetResponse, SocketId, StateFlags, nlas::Nla},
};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink::SOCK_DIAG, recv, send,
    socket_with,
};

use crate::TcpInfo;

/// The addresses of one end of a connection and of the other.
pub type Ends = [SocketAddr; 2];

/// Maximum size of one reply of the kernel (`netlink_recvmsg`).
const REPLY_BYTES: usize = 32 * 1024;

/// Alignment of messages (`NLMSG_ALIGNTO`).
const ALIGNMENT: usize = 4;

/// All connections with these ports, 0 for any, by their [`key`]; `None` where
/// the system does not report them. Takes time for each socket of the system.
#[must_use]
pub fn dump(own_port: u16, peer_port: u16) -> Option<HashMap<Ends, TcpInfo>> {
    let mut connections = HashMap::new();
    for id in [SocketId::new_v4(), SocketId::new_v6()] {
        let id = SocketId {
            source_port: own_port,
            destination_port: peer_port,
            ..id
        };
        connections.extend(ask(id, NLM_F_DUMP)?);
    }
    Some(connections)
}

/// The connection with these addresses, its own first; `None` if it does not exist,
/// or the system does not report it.
#[must_use]
pub fn find([own, peer]: Ends) -> Option<TcpInfo> {
    let id = SocketId {
        source_port: own.port(),
        destination_port: peer.port(),
        source_address: own.ip(),
        destination_address: peer.ip(),
        interface_id: match own {
            SocketAddr::V4(_) => 0,
            SocketAddr::V6(own) => own.scope_id(),
        },
        // Any socket with these addresses (`INET_DIAG_NOCOOKIE`).
        cookie: [u8::MAX; 8],
    };
    ask(id, 0)?.pop().map(|(_, info)| info)
}

/// Addresses as [`dump`] reports them: an IPv4 address in an IPv6 socket is an IPv4
/// address, and a link-local one keeps its zone.
#[must_use]
pub fn key(ends: Ends) -> Ends {
    ends.map(|addr| match addr {
        SocketAddr::V6(v6) if v6.ip().is_unicast_link_local() => addr,
        _ => SocketAddr::new(addr.ip().to_canonical(), addr.port()),
    })
}

/// Sends one request and takes all replies. The kernel queues them while it handles
/// the request, so no receive waits.
fn ask(id: SocketId, flags: u16) -> Option<Vec<(Ends, TcpInfo)>> {
    let (family, kind) = (AddressFamily::NETLINK, SocketType::RAW);
    let socket = socket_with(family, kind, SocketFlags::CLOEXEC, Some(SOCK_DIAG)).ok()?;
    // Without an address it goes to the kernel.
    send(&socket, &request(id, flags), SendFlags::empty()).ok()?;
    let mut connections = Vec::new();
    let mut buffer = vec![0; REPLY_BYTES];
    loop {
        let (_, len) = recv(&socket, buffer.as_mut_slice(), RecvFlags::DONTWAIT).ok()?;
        let mut rest = buffer.get(..len)?;
        while !rest.is_empty() {
            let message: NetlinkMessage<SockDiagMessage> =
                NetlinkMessage::deserialize(rest).ok()?;
            match message.payload {
                NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(response)) => {
                    connections.extend(connection(&response));
                }
                NetlinkPayload::Done(_) => return Some(connections),
                _ => return None,
            }
            let len = usize::try_from(message.header.length).ok()?;
            rest = rest.get(len.next_multiple_of(ALIGNMENT)..).unwrap_or(&[]);
        }
        if flags & NLM_F_DUMP == 0 {
            return Some(connections);
        }
    }
}

fn request(id: SocketId, flags: u16) -> Vec<u8> {
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | flags;
    let request = InetRequest {
        family: if id.source_address.is_ipv4() {
            AF_INET
        } else {
            AF_INET6
        },
        protocol: IPPROTO_TCP,
        extensions: ExtensionFlags::INFO,
        states: StateFlags::all()
            .difference(StateFlags::LISTEN)
            .difference(StateFlags::TIME_WAIT),
        socket_id: id,
    };
    let mut message = NetlinkMessage::new(header, SockDiagMessage::InetRequest(request).into());
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

fn connection(response: &InetResponse) -> Option<(Ends, TcpInfo)> {
    let info = response.nlas.iter().find_map(|nla| match nla {
        Nla::TcpInfo(info) => Some(info),
        _ => None,
    })?;
    let id = &response.header.socket_id;
    let end = |ip, port| match ip {
        IpAddr::V4(_) => SocketAddr::new(ip, port),
        // `key` drops the zone where it has no meaning.
        IpAddr::V6(ip) => SocketAddrV6::new(ip, port, 0, id.interface_id).into(),
    };
    let ends = key([
        end(id.source_address, id.source_port),
        end(id.destination_address, id.destination_port),
    ]);
    let info = TcpInfo {
        retransmitted: info.total_retrans,
        spurious: info.dsack_dups,
        segments_out: info.segs_out,
        segments_in: info.segs_in,
        data_segments_out: info.data_segs_out,
        data_segments_in: info.data_segs_in,
        bytes_sent: info.bytes_sent,
        unacknowledged_bytes: response.header.send_queue,
        rtt_us: info.rtt,
        rtt_variance_us: info.rttvar,
        min_rtt_us: info.min_rtt,
        congestion_window: info.snd_cwnd,
        delivery_rate: info.delivery_rate,
        mss: info.snd_mss,
        ack_timeout_us: info.ato,
        since_sent_ms: info.last_data_sent,
        since_received_ms: info.last_data_recv,
    };
    Some((ends, info))
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::unwrap_used)]
mod tests {
    use std::{
        io::{Read, Write},
        net::{TcpListener, TcpStream},
    };

    use super::*;

    fn ends(stream: &TcpStream) -> Ends {
        [stream.local_addr().unwrap(), stream.peer_addr().unwrap()]
    }

    #[test]
    fn both_ends_of_a_connection_are_found() {
        // The last listens for both kinds.
        for (listen, host) in [
            ("127.0.0.1:0", "127.0.0.1"),
            ("[::1]:0", "::1"),
            ("[::]:0", "127.0.0.1"),
        ] {
            let listener = TcpListener::bind(listen).unwrap();
            let port = listener.local_addr().unwrap().port();
            let mut near = TcpStream::connect((host, port)).unwrap();
            let (mut far, _) = listener.accept().unwrap();
            for _ in 0..3 {
                near.write_all(b"hello").unwrap();
                far.read_exact(&mut [0; 5]).unwrap();
            }
            let (own, peer) = (ends(&near), ends(&far));
            let dumped = [dump(0, port).unwrap(), dump(port, 0).unwrap()];
            for (ends, dumped) in [own, peer].into_iter().zip(&dumped) {
                assert_eq!(dumped.len(), 1, "{host}");
                let found = find(key(ends)).unwrap();
                assert_eq!(dumped[&key(ends)].mss, found.mss, "{host}");
                assert!(found.rtt_us > 0 || found.data_segments_in > 0);
            }
            assert_eq!(dumped[0][&key(own)].data_segments_out, 3);
            assert_eq!(dumped[1][&key(peer)].data_segments_in, 3);
            drop(far);
        }
    }

    /// Where an interface has a link-local address.
    #[test]
    fn both_ends_of_a_link_local_connection_are_found() {
        let interfaces = std::fs::read_to_string("/proc/net/if_inet6").unwrap_or_default();
        for line in interfaces.lines().filter(|line| line.starts_with("fe80")) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let ip = u128::from_str_radix(fields[0], 16).unwrap().into();
            let zone = u32::from_str_radix(fields[1], 16).unwrap();
            let addr = SocketAddrV6::new(ip, 0, 0, zone);
            let listener = TcpListener::bind(addr).unwrap();
            let port = listener.local_addr().unwrap().port();
            let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (far, _) = listener.accept().unwrap();
            let dumped = [dump(0, port).unwrap(), dump(port, 0).unwrap()];
            for (stream, dumped) in [&near, &far].into_iter().zip(&dumped) {
                let ends = ends(stream);
                assert!(
                    find(ends).is_some() && find(key(ends)).is_some(),
                    "{ends:?}"
                );
                assert!(dumped.contains_key(&key(ends)), "{ends:?} in {dumped:?}");
            }
        }
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        let nowhere = "127.0.0.1:1".parse().unwrap();
        assert_eq!(find([nowhere, nowhere]), None);
        assert!(dump(1, 1).unwrap().is_empty());
    }

    #[test]
    #[ignore = "measures: cargo test -p transport -- --ignored --nocapture connections_at_once"]
    #[allow(clippy::print_stdout)]
    fn many_connections_at_once() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let pairs: Vec<_> = (0..5000)
            .map(|_| {
                let near = TcpStream::connect(("127.0.0.1", port)).unwrap();
                (near, listener.accept().unwrap())
            })
            .collect();
        let started = std::time::Instant::now();
        let dumped = dump(0, port).unwrap().len() + dump(port, 0).unwrap().len();
        println!("{dumped} ends of connections in {:?}", started.elapsed());
        assert_eq!(dumped, 2 * pairs.len());
    }
}
