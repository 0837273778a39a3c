//! Peers that read slowly and never stop: `--write-timeout` applies only to
//! peers that read nothing.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use rustls::Connection;
use socket2::{Domain, SockRef, Socket, Type};
use testkit::{
    DEADLINE, ServerProcess, alone,
    certificates::Authority,
    wire::{TOO_MUCH, fill, frame, read_to_end},
};

/// More than the sockets hold, in one write of the server.
const FRAME: usize = 16 << 20;

/// Bytes per read, and the pause after each: 5 MB per second, or more than
/// three times the timeout for everything.
const STEP: usize = 50_000;
const PAUSE: Duration = Duration::from_millis(10);
const TIMEOUT: Duration = Duration::from_secs(1);

/// A client with a small receive buffer, so that the data stays in the
/// server's.
fn connect(addr: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(64 << 10).unwrap();
    socket.connect(&addr.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.set_write_timeout(Some(DEADLINE)).unwrap();
    stream
}

/// Reads slowly until the end, and returns the number of bytes.
fn read_slowly(mut stream: &TcpStream, mut take: impl FnMut(&[u8]) -> usize) -> usize {
    let mut buf = vec![0; STEP];
    let mut came = 0;
    loop {
        match stream.read(&mut buf).unwrap() {
            0 => return came,
            n => came += take(&buf[..n]),
        }
        thread::sleep(PAUSE);
    }
}

/// The echo of a frame is complete when read slowly.
fn assert_served(args: &[&str], tls: bool) {
    let authority = Authority::new("authority");
    let identity = authority.issue();
    let common = ["--write-timeout", "1s", "--max-frame", "16MiB"];
    let tls_args = if tls { &identity.server()[..] } else { &[] };
    let server = ServerProcess::start(&[&common, tls_args, args].concat());
    let bytes = frame(&vec![b'x'; FRAME - 4]);
    let stream = connect(server.addr());
    let start = Instant::now();
    let came = if tls {
        over_tls(authority.session().into(), &stream, &bytes)
    } else {
        (&stream).write_all(&bytes).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        read_slowly(&stream, <[u8]>::len)
    };
    let took = start.elapsed();
    assert!(took > 2 * TIMEOUT, "{took:?}");
    let output = server.stop().expect_code(0);
    assert_eq!(came, bytes.len(), "{args:?}, {output}");
    let _ = output.expect_closed("1 clean");
}

fn over_tls(mut session: Connection, mut stream: &TcpStream, bytes: &[u8]) -> usize {
    let mut rest = bytes;
    while session.is_handshaking() || !rest.is_empty() || session.wants_write() {
        if session.is_handshaking() && !session.wants_write() {
            session.read_tls(&mut stream).unwrap();
            session.process_new_packets().unwrap();
        } else if session.wants_write() {
            session.write_tls(&mut stream).unwrap();
        } else {
            let n = session.writer().write(rest).unwrap();
            rest = &rest[n..];
        }
    }
    session.send_close_notify();
    session.write_tls(&mut stream).unwrap();
    read_slowly(stream, |mut records| {
        let mut came = 0;
        while !records.is_empty() {
            if session.read_tls(&mut records).unwrap() == 0 {
                break;
            }
            session.process_new_packets().unwrap();
            let mut plaintext = vec![0; STEP];
            while let Ok(n @ 1..) = session.reader().read(&mut plaintext) {
                came += n;
            }
        }
        came
    })
}

#[test]
fn a_slow_reader_is_served() {
    let _alone = alone();
    assert_served(&[], false);
}

#[test]
fn a_slow_reader_is_served_over_tls() {
    let _alone = alone();
    assert_served(&[], true);
}

#[test]
fn a_slow_reader_is_served_from_a_small_buffer() {
    let _alone = alone();
    assert_served(&["--send-buffer", "64k"], false);
    assert_served(&["--send-buffer", "64k"], true);
}

/// Room in the buffer must not count as progress: a peer that reads nothing is
/// closed.
#[test]
fn a_peer_that_reads_nothing_is_closed() {
    let _alone = alone();
    for args in [&[][..], &["--send-buffer", "64k"]] {
        let common = ["--write-timeout", "600ms", "--max-frame", "16MiB"];
        let mut server = ServerProcess::start(&[&common, args].concat());
        let stream = connect(server.addr());
        (&stream).write_all(&frame(&vec![b'x'; FRAME - 4])).unwrap();
        let start = Instant::now();
        let _ = server
            .process()
            .wait_for_stderr("longer than --write-timeout");
        assert!(
            start.elapsed() < Duration::from_secs(3),
            "{:?}",
            start.elapsed()
        );
        SockRef::from(&stream)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
    }
}

/// The server is blocked by a peer that does not read when the limit is
/// reached; then the peer reads, slowly.
#[test]
fn received_frames_are_echoed_to_a_slow_reader() {
    let _alone = alone();
    for (limit, reason) in [
        (["--max-connection-age", "1s"], "1 age"),
        (["--max-connection-bytes", "100k"], "1 bytes"),
    ] {
        let server = ServerProcess::start(&[&limit[..], &["--drain", "20s"]].concat());
        let stream = testkit::wire::connect(server.addr());
        let sent = fill(&stream, &frame(&[b'x'; 1000]).repeat(100));
        // Until the limit is reached: the server waits for this side to read.
        thread::sleep(Duration::from_millis(1700));
        let (back, end) = read_to_end(&stream);
        end.unwrap();
        // Complete frames, as many as had arrived; the last may be partial. On
        // a machine so busy that the limit was reached before the server
        // blocked, fewer are echoed and the rest is discarded.
        assert_eq!(back.len() % 1004, 0, "a frame is cut");
        let (expected, echoed) = (sent / 1004, back.len() / 1004);
        let was_blocked = sent < TOO_MUCH;
        assert!(
            !was_blocked || echoed >= expected.min(4_000_000 / 1004),
            "{echoed} of {expected} frames"
        );
        assert!(back.chunks(1004).all(|one| one == frame(&[b'x'; 1000])));
        drop(stream);
        let frames = back.len() as u64 / 1004;
        let _ = server
            .stop()
            .expect_code(0)
            .expect_closed(reason)
            .expect_stat("frames", frames);
    }
}
