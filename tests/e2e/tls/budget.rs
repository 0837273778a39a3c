//! Promise P3 over TLS: what sessions and records take is a part of
//! `--max-memory`.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use rustls::{ClientConfig, ClientConnection, StreamOwned};
use testkit::{
    DEADLINE, Server,
    certificates::Authority,
    memory,
    wire::{connect, frame},
};

type Tls = StreamOwned<ClientConnection, TcpStream>;

/// In KiB, as `/proc` counts.
const MIB: u64 = 1 << 10;

/// Makes a handshake; `None` when the server closes.
fn handshake(server: &Server, config: &Arc<ClientConfig>) -> Option<Tls> {
    let name = "localhost".try_into().unwrap();
    let session = ClientConnection::new(Arc::clone(config), name).unwrap();
    let mut tls = StreamOwned::new(session, connect(server.addr()));
    while tls.conn.is_handshaking() {
        tls.conn.complete_io(&mut tls.sock).ok()?;
    }
    Some(tls)
}

fn echoes(tls: &mut Tls, payload: &[u8]) -> bool {
    let bytes = frame(payload);
    let mut back = vec![0; bytes.len()];
    let echoed = tls
        .write_all(&bytes)
        .and_then(|()| tls.read_exact(&mut back));
    echoed.is_ok() && back == bytes
}

#[test]
fn idle_sessions_count() {
    let authority = Authority::new("authority");
    let config = authority.client_config();
    let identity = authority.issue();
    let mut server = Server::start(&[&identity.server()[..], &["--max-memory", "1MiB"]].concat());
    let mut inside: Vec<Tls> = (0..800)
        .filter_map(|_| handshake(&server, &config))
        .filter_map(|mut tls| echoes(&mut tls, b"hi").then_some(tls))
        .collect();
    // A session, and what it may need for a record of 16 KiB at any time.
    assert!(inside.len() >= 10, "{} inside", inside.len());
    assert!(inside.len() <= 20, "{} inside", inside.len());
    let line = server
        .process()
        .wait_for_stderr("too much for --max-memory");
    assert!(line.ends_with("all together may hold 1 MiB"), "{line}");
    for tls in &mut inside {
        assert!(echoes(tls, b"still inside"));
    }
    drop(inside);
    // What was given back is there for others.
    let start = Instant::now();
    while !handshake(&server, &config).is_some_and(|mut tls| echoes(&mut tls, b"later")) {
        assert!(start.elapsed() < DEADLINE, "nothing is given back");
    }
    let _ = server.stop().expect_code(0).expect_stderr(" memory");
}

/// 200 peers at once, each with a large frame of which a part is missing.
#[test]
fn peers_that_send_parts_of_large_frames_hold_no_more() {
    const PEERS: usize = 200;
    const BUDGET: u64 = 64;
    /// Threads, and what the allocator keeps for its own reasons.
    const BESIDE: u64 = 24 * MIB;

    let authority = Authority::new("authority");
    let config = authority.client_config();
    let identity = authority.issue();
    let budget = format!("{BUDGET}MiB");
    let mut server = Server::start(&[&identity.server()[..], &["--max-memory", &budget]].concat());
    let mut first = handshake(&server, &config).unwrap();
    assert!(echoes(&mut first, b"first"));
    let before = memory::of_server(&mut server, "VmRSS");
    let part = &frame(&vec![b'x'; 8 << 20])[..1 << 20];
    let peers: Vec<Tls> = (0..PEERS)
        .filter_map(|_| handshake(&server, &config))
        .collect();
    let peers: Vec<Tls> = thread::scope(|scope| {
        let sending: Vec<_> = peers
            .into_iter()
            .map(|mut tls| {
                scope.spawn(move || {
                    let _ = tls.write_all(part);
                    tls
                })
            })
            .collect();
        sending.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert!(echoes(&mut first, b"still served"));
    let peak = memory::of_server(&mut server, "VmHWM");
    assert!(
        peak < before + BUDGET * MIB + BESIDE,
        "{before} before, {peak} then"
    );
    drop(peers);
    let start = Instant::now();
    while memory::of_server(&mut server, "VmRSS") > before + BESIDE {
        assert!(start.elapsed() < DEADLINE, "kept");
        thread::sleep(Duration::from_millis(20));
    }
    assert!(echoes(&mut first, b"and later"));
    let _ = server.stop().expect_code(0).expect_stderr(" memory");
}
