//! TLS by hand: hostile handshakes, and truncated streams.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpStream},
    thread,
    time::{Duration, Instant},
};

use rustls::Stream;
use testkit::{
    Process, ServerProcess,
    certificates::Authority,
    installed,
    wire::{assert_echoes, connect, fake_server, frame, read_to_end},
};

/// A `close_notify` alert (RFC 8446, section 6.1), unencrypted.
const CLOSE_NOTIFY: [u8; 7] = [21, 3, 3, 0, 2, 1, 0];

struct Setup {
    server: ServerProcess,
    authority: Authority,
}

impl Setup {
    fn new(args: &[&str]) -> Self {
        let authority = Authority::new("authority");
        let server = ServerProcess::start(&[&authority.issue().server(), args].concat());
        Self { server, authority }
    }

    fn connect(&self) -> TcpStream {
        connect(self.server.addr())
    }

    /// The client's first flight: one record.
    fn hello(&self) -> Vec<u8> {
        let mut hello = Vec::new();
        self.authority.session().write_tls(&mut hello).unwrap();
        hello
    }
}

/// RUSTSEC-2024-0336: a close in the middle of a handshake made a blocking
/// server spin for ever.
#[test]
fn a_close_during_the_handshake_neither_spins_nor_lasts() {
    let setup = Setup::new(&["--handshake-timeout", "2s"]);
    let hello = setup.hello();
    let closing: Vec<TcpStream> = [&hello[..], &hello[..20], &[]]
        .iter()
        .map(|first| {
            let mut socket = setup.connect();
            let bytes = [first, &CLOSE_NOTIFY[..], &CLOSE_NOTIFY].concat();
            socket.write_all(&bytes).unwrap();
            socket
        })
        .collect();
    for socket in &closing {
        // Still open on our side: the server ends it.
        let (_, end) = read_to_end(socket);
        end.unwrap();
    }
    #[cfg(target_os = "linux")]
    {
        let mut server = setup.server;
        let busy = server.process().cpu_time();
        assert!(busy < Duration::from_secs(1), "{busy:?}");
    }
}

/// RUSTSEC-2024-0399: a `ClientHello` in fragments made a server panic.
#[test]
fn a_client_hello_in_one_byte_records_is_accepted() {
    let setup = Setup::new(&[]);
    let mut session = setup.authority.session();
    let mut hello = Vec::new();
    session.write_tls(&mut hello).unwrap();
    let (header, body) = hello.split_at(5);
    let mut socket = setup.connect();
    for byte in body {
        let record = [&header[..3], &[0, 1, *byte]].concat();
        socket.write_all(&record).unwrap();
    }
    assert_echoes(Stream::new(&mut session, &mut socket), b"hello");
    drop(socket);
    let _ = setup.server.stop().expect_code(0);
}

/// A handshake that stops after any byte is ended in time, and so is one that
/// receives a byte now and then.
#[test]
fn a_stalled_handshake_is_ended() {
    let timeout = Duration::from_secs(1);
    let setup = Setup::new(&["--handshake-timeout", "1s"]);
    let hello = setup.hello();
    let started = Instant::now();
    let stalled: Vec<TcpStream> = (0..hello.len())
        .map(|cut| {
            let mut socket = setup.connect();
            socket.write_all(&hello[..cut]).unwrap();
            socket
        })
        .collect();
    let dripping = setup.connect();
    dripping
        .set_read_timeout(Some(Duration::from_millis(20)))
        .unwrap();
    let mut drip = hello.iter();
    while let Some(byte) = drip.next()
        && (&dripping).write_all(&[*byte]).is_ok()
    {
        match (&dripping).read(&mut [0]) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            _ => break,
        }
    }
    assert!(drip.len() > 0, "nobody ended the drip");
    for socket in &stalled {
        let (_, end) = read_to_end(socket);
        end.unwrap();
    }
    let took = started.elapsed();
    assert!(took >= timeout, "{took:?}");

    // Other clients are served meanwhile and afterwards.
    let (mut session, mut socket) = (setup.authority.session(), setup.connect());
    assert_echoes(Stream::new(&mut session, &mut socket), b"x");
    let _ = setup
        .server
        .stop()
        .expect_stderr("the TLS handshake took longer than --handshake-timeout");
}

/// After the client's close everything is still echoed, then closed.
#[test]
fn half_close_over_tls() {
    let setup = Setup::new(&[]);
    let bytes: Vec<u8> = (0..64)
        .flat_map(|len| frame(&vec![b'x'; len * 40]))
        .collect();
    for by_tls in [true, false] {
        let (mut session, mut socket) = (setup.authority.session(), setup.connect());
        let mut stream = Stream::new(&mut session, &mut socket);
        stream.write_all(&bytes).unwrap();
        if by_tls {
            session.send_close_notify();
            session.write_tls(&mut socket).unwrap();
        } else {
            socket.shutdown(Shutdown::Write).unwrap();
        }
        let mut back = Vec::new();
        // An end without close_notify would be an error here.
        Stream::new(&mut session, &mut socket)
            .read_to_end(&mut back)
            .unwrap();
        assert!(back == bytes, "{} of {} bytes", back.len(), bytes.len());
    }
}

/// The end of the handshake, frames and the close in one read: the frames are
/// echoed, then the end is clean.
#[test]
fn a_last_flight_with_data_and_a_close_is_served() {
    let setup = Setup::new(&[]);
    let (mut session, mut socket) = (setup.authority.session(), setup.connect());
    while session.is_handshaking() {
        session.write_tls(&mut socket).unwrap();
        session.read_tls(&mut socket).unwrap();
        session.process_new_packets().unwrap();
    }
    let frames = [frame(b"hello"), frame(b""), frame(&[b'x'; 300])].concat();
    session.writer().write_all(&frames).unwrap();
    session.send_close_notify();
    let mut flight = Vec::new();
    while session.wants_write() {
        session.write_tls(&mut flight).unwrap();
    }
    socket.write_all(&flight).unwrap();
    let mut back = Vec::new();
    Stream::new(&mut session, &mut socket)
        .read_to_end(&mut back)
        .unwrap();
    assert_eq!(back, frames);
    let _ = setup
        .server
        .stop()
        .expect_code(0)
        .expect_stat("accepted", 1)
        .expect_stat("frames", 3)
        .expect_closed("1 clean");
}

/// OpenSSL's client with piped input sends all of it and its close right after
/// the handshake. Here everything arrives at once.
#[test]
fn piped_input_of_openssl_is_served() {
    let mut setup = Setup::new(&["--raw", "-v"]);
    let addr = setup.server.addr();
    let held_back = fake_server(move |client| {
        let server = connect(addr);
        thread::scope(|scope| {
            scope.spawn(|| io::copy(&mut &server, &mut &client));
            let mut hello = [0; 4096];
            let n = (&client).read(&mut hello).unwrap();
            (&server).write_all(&hello[..n]).unwrap();
            let mut rest = Vec::new();
            (&client).read_to_end(&mut rest).unwrap();
            let _ = (&server).write_all(&rest);
            let _ = server.shutdown(Shutdown::Write);
        });
    });
    let Some(mut openssl) = installed("openssl") else {
        return;
    };
    let mut client = Process::start(
        openssl
            .args(["s_client", "-connect", &held_back.to_string(), "-tls1_3"])
            .args(["-CAfile", &setup.authority.file()]),
    );
    client.stdin().write_all(b"hello\n").unwrap();
    let _ = client.wait().expect_code(0);
    let _ = setup
        .server
        .process()
        .wait_for_stderr("read message: hello");
    let _ = setup
        .server
        .process()
        .wait_for_stderr("connection closed by");
    let _ = setup.server.stop().expect_code(0).expect_closed("1 clean");
}

/// An end without `close_notify` is clean between frames, and truncation inside
/// one, or inside a record.
#[test]
fn a_cut_connection_is_detected_by_its_frames() {
    let mut setup = Setup::new(&["-v"]);
    for (bytes, line) in [
        (frame(b"whole"), "connection closed by"),
        (
            frame(b"cut")[..6].to_vec(),
            "truncated: closed after 6 of the frame's 7 bytes",
        ),
    ] {
        let (mut session, mut socket) = (setup.authority.session(), setup.connect());
        let mut stream = Stream::new(&mut session, &mut socket);
        stream.write_all(&bytes).unwrap();
        socket.shutdown(Shutdown::Write).unwrap();
        let _ = setup.server.process().wait_for_stderr(line);
    }
    // After a whole frame, and a part of the next record: its header, or less.
    for cut in [1, 5, 30] {
        let (mut session, mut socket) = (setup.authority.session(), setup.connect());
        assert_echoes(Stream::new(&mut session, &mut socket), b"whole");
        session.writer().write_all(&frame(&[b'x'; 100])).unwrap();
        let mut record = Vec::new();
        session.write_tls(&mut record).unwrap();
        socket.write_all(&record[..cut]).unwrap();
        socket.shutdown(Shutdown::Write).unwrap();
        let line = "truncated: closed inside a TLS record";
        let _ = setup.server.process().wait_for_stderr(line);
    }
    let output = setup.server.stop().expect_code(0);
    let _ = output.expect_closed("1 clean, 4 truncated");
}

/// A stop is a clean close in TLS too, also during a handshake.
#[test]
fn stopping_over_tls() {
    let setup = Setup::new(&["--drain", "1h"]);
    let mut in_handshake = setup.connect();
    in_handshake.write_all(&setup.hello()[..10]).unwrap();
    let (mut session, mut socket) = (setup.authority.session(), setup.connect());
    let mut stream = Stream::new(&mut session, &mut socket);
    assert_echoes(&mut stream, b"x");
    let _ = setup
        .server
        .stop()
        .expect_code(0)
        .expect_stat("accepted", 2)
        .expect_stat("frames", 1);
    assert_eq!(stream.read(&mut [0; 5]).unwrap(), 0);
}

/// A key update in the middle of the stream.
#[test]
fn keys_are_renewed() {
    let setup = Setup::new(&[]);
    let (mut session, mut socket) = (setup.authority.session(), setup.connect());
    for _ in 0..10 {
        assert_echoes(Stream::new(&mut session, &mut socket), b"hello");
        session.refresh_traffic_keys().unwrap();
    }
}

#[test]
fn many_handshakes_at_once() {
    let setup = Setup::new(&[]);
    let count = 100;
    let all = std::sync::Barrier::new(count);
    thread::scope(|scope| {
        for _ in 0..count {
            let (mut session, mut socket) = (setup.authority.session(), setup.connect());
            let all = &all;
            scope.spawn(move || {
                all.wait();
                assert_echoes(Stream::new(&mut session, &mut socket), b"x");
            });
        }
    });
    let _ = setup
        .server
        .stop()
        .expect_code(0)
        .expect_stat("frames", 100);
}
