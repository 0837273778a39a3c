//! The server embedded in another program, through this crate's public API
//! only.
#![allow(clippy::unwrap_used)]

use std::{
    error::Error as _,
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use echo_server::{
    CloseReason, Config, Error, Server, ServerHandle, StatsTo, Summary,
    proto::Wire,
    transport::{ClientTls, Dialer, ServerTls},
};

/// Deadline of every wait: far longer than any takes.
const DEADLINE: Duration = Duration::from_mins(1);

type Serving = JoinHandle<Result<Summary, Error>>;

fn on_loopback() -> Config {
    let mut config = Config::default();
    config.listen = "127.0.0.1:0".into();
    config
}

fn serve(server: Server) -> (SocketAddr, ServerHandle, Serving) {
    let (addr, handle) = (server.local_addr(), server.handle());
    (addr, handle, thread::spawn(|| server.serve()))
}

fn echo(mut stream: impl Read + Write, message: &[u8]) {
    stream.write_all(message).unwrap();
    let mut reply = vec![0; message.len()];
    stream.read_exact(&mut reply).unwrap();
    assert_eq!(reply, message);
}

#[track_caller]
fn wait_until(is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !is_so() {
        assert!(Instant::now() < deadline, "too late");
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn the_statistics_are_there_while_it_runs_and_after() {
    let (addr, handle, serving) = serve(Server::bind(&on_loopback()).unwrap());
    let client = TcpStream::connect(addr).unwrap();
    client.set_read_timeout(Some(DEADLINE)).unwrap();
    echo(&client, b"\0\0\0\x02hi");
    wait_until(|| handle.stats().traffic.frames == 1);
    let stats = handle.stats();
    assert_eq!((stats.accepted, stats.live), (1, 1));
    assert_eq!(stats.traffic.bytes, 6);
    wait_until(|| handle.stats().qps > 0.0);

    drop(client);
    wait_until(|| handle.stats().live == 0);
    handle.stop();
    let summary = serving.join().unwrap().unwrap();
    assert_eq!(summary.closed.of(CloseReason::Clean), 1);
    let stats = handle.stats();
    assert_eq!(stats.closed, summary.closed);
    assert_eq!(stats.traffic, summary.traffic);
}

/// A listener from another program: a short queue, with clients already queued,
/// one of which has sent an urgent byte.
#[test]
fn a_listener_is_taken_with_its_queued_clients() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let early = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    early.set_read_timeout(Some(DEADLINE)).unwrap();
    send_urgent(&early, b"a").unwrap();
    let mut config = on_loopback();
    config.wire = Wire::Raw;
    let server = Server::from_listener(listener, &config).unwrap();
    // More than std's own backlog holds; nothing accepts yet.
    let clients: Vec<_> = (0..300)
        .map(|_| TcpStream::connect_timeout(&server.local_addr(), DEADLINE / 6).unwrap())
        .collect();
    let (_, handle, serving) = serve(server);
    let mut received = [0; 2];
    (&early).write_all(b"b").unwrap();
    (&early).read_exact(&mut received).unwrap();
    assert_eq!(&received, b"ab");
    for client in &clients {
        client.set_read_timeout(Some(DEADLINE)).unwrap();
        echo(client, b"c");
    }
    handle.stop();
    let summary = serving.join().unwrap().unwrap();
    assert_eq!(summary.connections, 301);
    assert_eq!(summary.closed.total(), 301);
}

#[cfg(unix)]
fn send_urgent(stream: &TcpStream, bytes: &[u8]) -> io::Result<()> {
    rustix::net::send(stream, bytes, rustix::net::SendFlags::OOB)?;
    Ok(())
}

#[cfg(not(unix))]
fn send_urgent(mut stream: &TcpStream, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes)
}

#[test]
fn tls_works_through_the_public_api() {
    let mut config = on_loopback();
    let (tls, certificate) = ServerTls::self_signed(&config.listen).unwrap();
    config.tls = Some(tls);
    let (addr, handle, serving) = serve(Server::bind(&config).unwrap());
    let mut dialer = Dialer::new(addr.to_string());
    dialer.tls = Some(ClientTls::pinned(certificate.fingerprint).unwrap());
    echo(&dialer.dial().unwrap(), b"\0\0\0\x02hi");
    handle.stop();
    let summary = serving.join().unwrap().unwrap();
    assert!(summary.is_encrypted);
    assert_eq!(summary.traffic.frames, 1);
}

#[test]
fn a_startup_error_has_its_source() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = holder.local_addr().unwrap();
    for (wrong, what) in [
        (
            (|config, taken| config.listen = taken) as fn(&mut Config, String),
            "cannot listen on",
        ),
        (
            |config, taken| config.metrics = Some(taken),
            "cannot serve metrics",
        ),
        (
            |config, _| config.stats = Some(StatsTo::File("/no/such/folder".into())),
            "cannot write /no/such/folder",
        ),
    ] {
        let mut config = on_loopback();
        wrong(&mut config, taken.to_string());
        let error = Server::bind(&config).unwrap_err();
        assert!(error.to_string().starts_with(what), "{error}");
        assert!(error.source().is_some(), "{error}");
    }
}
