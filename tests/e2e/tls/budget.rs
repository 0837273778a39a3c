//! Promise P3 over TLS: sessions and records count against `--max-memory`.

use std::{io::Write, net::TcpStream, thread};

use rustls::{ClientConnection, StreamOwned};
use testkit::{
    ServerProcess,
    certificates::Authority,
    memory, wait_until,
    wire::{assert_echoes, connect, echo, frame},
};

type Tls = StreamOwned<ClientConnection, TcpStream>;

/// In KiB, as `/proc` counts.
const MIB: u64 = 1 << 10;

/// Does a handshake; `None` if the server closes.
fn handshake(server: &ServerProcess, authority: &Authority) -> Option<Tls> {
    let mut tls = StreamOwned::new(authority.session(), connect(server.addr()));
    while tls.conn.is_handshaking() {
        tls.conn.complete_io(&mut tls.sock).ok()?;
    }
    Some(tls)
}

#[test]
fn idle_sessions_count() {
    let authority = Authority::new("authority");
    let identity = authority.issue();
    let mut server =
        ServerProcess::start(&[&identity.server()[..], &["--max-memory", "1MiB"]].concat());
    let mut inside: Vec<Tls> = (0..800)
        .filter_map(|_| handshake(&server, &authority))
        .filter_map(|mut tls| echo(&mut tls, b"hi").is_ok().then_some(tls))
        .collect();
    // A session, and its maximum for a record of 16 KiB.
    assert!(inside.len() >= 10, "{} inside", inside.len());
    assert!(inside.len() <= 20, "{} inside", inside.len());
    let line = server
        .process()
        .wait_for_stderr("would exceed --max-memory");
    assert!(line.ends_with("1 MiB for all connections"), "{line}");
    for tls in &mut inside {
        assert_echoes(tls, b"still inside");
    }
    drop(inside);
    // Released memory is available to others.
    wait_until("given back", || {
        handshake(&server, &authority).is_some_and(|tls| echo(tls, b"later").is_ok())
    });
    assert!(server.stop().expect_code(0).closed("memory") > 0);
}

/// 200 peers at once, each with a large incomplete frame.
#[test]
fn peers_that_send_parts_of_large_frames_hold_no_more() {
    const PEERS: usize = 200;
    const BUDGET: u64 = 64;
    /// Threads, and the allocator's reserve.
    const BESIDE: u64 = 24 * MIB;

    let authority = Authority::new("authority");
    let identity = authority.issue();
    let budget = format!("{BUDGET}MiB");
    let mut server =
        ServerProcess::start(&[&identity.server()[..], &["--max-memory", &budget]].concat());
    let mut first = handshake(&server, &authority).unwrap();
    assert_echoes(&mut first, b"first");
    let before = memory::of_server(&mut server, "VmRSS");
    let part = &frame(&vec![b'x'; 8 << 20])[..1 << 20];
    let peers: Vec<Tls> = (0..PEERS)
        .filter_map(|_| handshake(&server, &authority))
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
    assert_echoes(&mut first, b"still served");
    let peak = memory::of_server(&mut server, "VmHWM");
    assert!(
        peak < before + BUDGET * MIB + BESIDE,
        "{before} before, {peak} then"
    );
    drop(peers);
    wait_until("given back", || {
        memory::of_server(&mut server, "VmRSS") <= before + BESIDE
    });
    assert_echoes(&mut first, b"and later");
    assert!(server.stop().expect_code(0).closed("memory") > 0);
}
