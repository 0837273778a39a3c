//! Flights split and joined at every boundary, and operations between the parts
//! of a message.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use rustls::{
    ClientConfig, ClientConnection, Connection, ServerConfig, ServerConnection,
    SupportedProtocolVersion,
    pki_types::PrivateKeyDer,
    version::{TLS12, TLS13},
};

use super::{ClientTls, Fingerprint, TlsStream, provider, trust::Trust};
use crate::is_timeout;

const DATA: &[u8] = b"\0\0\0\x05hello\0\0\0\0";

/// Both ends of a connection.
fn sockets() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (far, _) = listener.accept().unwrap();
    for socket in [&near, &far] {
        socket.set_nodelay(true).unwrap();
        let soon = Some(Duration::from_secs(30));
        socket.set_read_timeout(soon).unwrap();
    }
    (near, far)
}

/// Does the handshake of `peer` up to its last flight, and adds data and a
/// `close_notify` to that flight.
fn last_flight(peer: &mut Connection, socket: &mut TcpStream) -> Vec<u8> {
    let mut flight = Vec::new();
    // A server of TLS 1.3 may send before the client has finished.
    while peer.is_handshaking() && !has_finished(peer) {
        peer.writer().flush().unwrap();
        while peer.wants_write() {
            peer.write_tls(socket).unwrap();
        }
        assert_ne!(peer.read_tls(socket).unwrap(), 0);
        peer.process_new_packets().unwrap();
    }
    peer.writer().write_all(DATA).unwrap();
    peer.send_close_notify();
    while peer.wants_write() {
        peer.write_tls(&mut flight).unwrap();
    }
    flight
}

fn has_finished(peer: &Connection) -> bool {
    let is_server = matches!(peer, Connection::Server(_));
    is_server && peer.protocol_version() == Some(rustls::ProtocolVersion::TLSv1_3)
}

/// Sends a flight in two parts, the second once the first has been read.
fn send_split(flight: &[u8], at: usize, socket: &mut TcpStream, stream: &TlsStream) {
    let (first, second) = flight.split_at(at);
    socket.write_all(first).unwrap();
    // Nothing shows when the reader has gone to sleep again; an empty receive
    // buffer is near enough.
    while rustix::io::ioctl_fionread(stream.socket()).unwrap() > 0 {
        thread::yield_now();
    }
    socket.write_all(second).unwrap();
}

/// Checks that the data arrives, then a clean end, wherever the last flight of
/// the handshake is split.
fn assert_split_anywhere(make: impl Fn() -> (TlsStream, Connection, TcpStream)) {
    let mut at = 0;
    loop {
        let (stream, mut peer, mut socket) = make();
        let len = thread::scope(|scope| {
            let reader = scope.spawn(|| {
                stream.handshake(None)?;
                let mut data = Vec::new();
                let mut buf = [0; 1000];
                while let n @ 1.. = stream.read(&mut buf)? {
                    data.extend_from_slice(&buf[..n]);
                }
                Ok::<_, std::io::Error>(data)
            });
            let flight = last_flight(&mut peer, &mut socket);
            send_split(&flight, at.min(flight.len()), &mut socket, &stream);
            let data = reader.join().unwrap();
            let data = data.unwrap_or_else(|error| panic!("split at {at}: {error}"));
            assert_eq!(data, DATA, "split at {at}");
            flight.len()
        });
        if at >= len {
            return;
        }
        at += 1;
    }
}

fn client_of(version: &'static SupportedProtocolVersion, fingerprint: Fingerprint) -> ClientConfig {
    ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[version])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Trust::pin(fingerprint)))
        .with_no_client_auth()
}

fn server_of(version: &'static SupportedProtocolVersion) -> (ServerConfig, Fingerprint) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let fingerprint = Fingerprint::of(made.cert.der());
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    config.send_half_rtt_data = true;
    (config, fingerprint)
}

#[test]
fn a_clients_last_flight_may_carry_data_and_the_end() {
    let (server, certificate) = super::ServerTls::self_signed("localhost:0").unwrap();
    let fingerprint = certificate.fingerprint;
    for version in [&TLS13, &TLS12] {
        let config = Arc::new(client_of(version, fingerprint));
        assert_split_anywhere(|| {
            let (socket, far) = sockets();
            let name = "localhost".try_into().unwrap();
            let peer = ClientConnection::new(Arc::clone(&config), name).unwrap();
            (server.over(far).unwrap(), peer.into(), socket)
        });
    }
}

#[test]
fn a_servers_last_flight_may_carry_data_and_the_end() {
    for version in [&TLS13, &TLS12] {
        let (config, fingerprint) = server_of(version);
        let (config, client) = (Arc::new(config), ClientTls::pinned(fingerprint).unwrap());
        assert_split_anywhere(|| {
            let (socket, far) = sockets();
            let peer = ServerConnection::new(Arc::clone(&config)).unwrap();
            (
                client.over(far, "localhost:1").unwrap(),
                peer.into(),
                socket,
            )
        });
    }
}

/// Sends the server's records one byte at a time, except the last byte, and
/// writes from the client in between.
#[test]
fn a_ticket_in_many_records_does_not_block_writes() {
    let (mut config, fingerprint) = server_of(&TLS13);
    config.max_fragment_size = Some(32);
    config.send_tls13_tickets = 1;
    let client = ClientTls::pinned(fingerprint).unwrap();
    let (mut socket, far) = sockets();
    let stream = client.over(far, "localhost:1").unwrap();
    let mut session = ServerConnection::new(Arc::new(config)).unwrap();
    thread::scope(|scope| {
        let handshake = scope.spawn(|| stream.handshake(None));
        while session.is_handshaking() {
            session.read_tls(&mut socket).unwrap();
            session.process_new_packets().unwrap();
            if session.is_handshaking() {
                session.write_tls(&mut socket).unwrap();
            }
        }
        handshake.join().unwrap().unwrap();
    });
    session.writer().write_all(DATA).unwrap();
    let mut records = Vec::new();
    while session.wants_write() {
        session.write_tls(&mut records).unwrap();
    }
    assert!(records.len() > 4 * 32, "{} bytes", records.len());
    let (last, but_last) = records.split_last().unwrap();
    for byte in but_last {
        socket.write_all(&[*byte]).unwrap();
        while rustix::io::ioctl_fionread(stream.socket()).unwrap() == 0 {
            thread::yield_now();
        }
        assert!(!stream.take_in());
        assert_eq!(stream.write(b"x").unwrap(), 1);
    }
    socket.write_all(&[*last]).unwrap();
    let mut buf = [0; 100];
    let n = stream.read(&mut buf).unwrap();
    assert_eq!(&buf[..n], DATA);

    let mut came = 0;
    while came < but_last.len() {
        session.read_tls(&mut socket).unwrap();
        session.process_new_packets().unwrap();
        let mut plaintext = Vec::new();
        let _ = session.reader().read_to_end(&mut plaintext);
        assert!(plaintext.iter().all(|byte| *byte == b'x'));
        came += plaintext.len();
    }
}

/// For records of any size, in any parts, and for any writes, the buffers stay
/// below `max_buffered`, and are empty when idle.
#[test]
fn buffers_stay_below_their_maximum() {
    let (server, certificate) = super::ServerTls::self_signed("localhost:0").unwrap();
    let fingerprint = certificate.fingerprint;
    let config = Arc::new(client_of(&TLS13, fingerprint));
    for len in [100, 1000, 20_000, 100_000] {
        let (mut socket, far) = sockets();
        let stream = server.over(far).unwrap();
        let name = "localhost".try_into().unwrap();
        let session = ClientConnection::new(Arc::clone(&config), name).unwrap();
        let mut peer = Connection::from(session);
        thread::scope(|scope| {
            let handshake = scope.spawn(|| stream.handshake(None));
            peer.complete_io(&mut socket).unwrap();
            handshake.join().unwrap().unwrap();
        });
        assert_eq!(stream.buffered(), 0);
        let assert_known = || {
            let (held, most) = (stream.buffered(), TlsStream::max_buffered(len));
            assert!(held <= most, "{held} of {most} with {len}");
        };
        peer.set_buffer_limit(None);
        peer.writer().write_all(&vec![b'x'; 200_000]).unwrap();
        let mut records = Vec::new();
        while peer.wants_write() {
            peer.write_tls(&mut records).unwrap();
        }
        let mut buf = vec![0; len];
        let mut came = 0;
        thread::scope(|scope| {
            scope.spawn(|| {
                for part in records.chunks(7000) {
                    (&socket).write_all(part).unwrap();
                }
            });
            while came < 200_000 {
                let n = stream.read(&mut buf).unwrap();
                came += n;
                assert_known();
                // The sockets' buffers hold all of it.
                assert_ne!(stream.write(&buf[..n]).unwrap(), 0);
                assert_known();
            }
        });
        stream.shrink();
        assert_eq!(stream.buffered(), 0);
    }
}

/// The socket's own timeout restarts with every byte: a record that arrives
/// byte by byte, or endless tickets, would block a read forever.
#[test]
fn a_slow_drip_does_not_block_a_read() {
    const TIMEOUT: Duration = Duration::from_millis(500);

    let (server, certificate) = super::ServerTls::self_signed("localhost:0").unwrap();
    let fingerprint = certificate.fingerprint;
    let config = Arc::new(client_of(&TLS13, fingerprint));
    let (mut socket, far) = sockets();
    let stream = server.over(far).unwrap();
    let name = "localhost".try_into().unwrap();
    let session = ClientConnection::new(config, name).unwrap();
    let mut peer = Connection::from(session);
    thread::scope(|scope| {
        let handshake = scope.spawn(|| stream.handshake(None));
        peer.complete_io(&mut socket).unwrap();
        handshake.join().unwrap().unwrap();
    });
    stream.socket().set_read_timeout(Some(TIMEOUT)).unwrap();
    peer.writer().write_all(&[b'x'; 1000]).unwrap();
    let mut record = Vec::new();
    peer.write_tls(&mut record).unwrap();
    let is_over = AtomicBool::new(false);
    let sent = thread::scope(|scope| {
        let drip = scope.spawn(|| {
            for (sent, byte) in record.iter().enumerate() {
                if is_over.load(Ordering::Relaxed) {
                    return sent;
                }
                socket.write_all(&[*byte]).unwrap();
                thread::park_timeout(TIMEOUT / 50);
            }
            record.len()
        });
        let read = stream.read(&mut [0; 1000]);
        is_over.store(true, Ordering::Relaxed);
        assert!(is_timeout(&read.unwrap_err()));
        drip.join().unwrap()
    });
    // Fifty per timeout; detection takes at most two timeouts.
    assert!(sent < 250, "{sent} bytes");
}
