//! `--max-connection-age` and `--max-connection-bytes` end a busy stream as a
//! stop does: what has arrived comes back, then the end.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use testkit::{
    Server,
    wire::{connect, frame, read_to_end},
};

const LIMITS: [([&str; 2], &str); 2] = [
    (["--max-connection-age", "1s"], "1 age"),
    (["--max-connection-bytes", "100k"], "1 bytes"),
];

/// Fills both directions with frames of 1000 bytes, until nothing moves.
fn fill(mut stream: &TcpStream) -> usize {
    let lump = frame(&[b'x'; 1000]).repeat(100);
    let patience = Duration::from_millis(100);
    stream.set_write_timeout(Some(patience)).unwrap();
    let (mut sent, mut stuck) = (0, 0);
    while stuck < 3 {
        match stream.write(&lump[sent % lump.len()..]) {
            Ok(n) => (sent, stuck) = (sent + n, 0),
            Err(_) => stuck += 1,
        }
    }
    sent
}

/// The server is blocked by a peer that does not read when the limit is
/// reached; then the peer reads, slowly.
#[test]
fn what_has_arrived_is_echoed_to_a_slow_reader() {
    for (limit, reason) in LIMITS {
        let mut server = Server::start(&[&limit[..], &["--drain", "20s"]].concat());
        let stream = connect(server.addr());
        let sent = fill(&stream);
        // The limit is reached, and the server waits for this side to read.
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(1700) {
            thread::sleep(Duration::from_millis(50));
        }
        let (back, end) = read_to_end(&stream);
        end.unwrap();
        let expected = sent / 1004;
        // Whole frames, and as many as had arrived: the last can be in pieces.
        assert_eq!(back.len() % 1004, 0, "a frame is cut");
        assert!(
            back.len() / 1004 >= expected.min(4_000_000 / 1004),
            "{} of {expected} frames",
            back.len() / 1004
        );
        assert!(back.chunks(1004).all(|one| one == frame(&[b'x'; 1000])));
        drop(stream);
        let why = server
            .process()
            .wait_for_stderr("closing 127.0.0.1:")
            .is_empty();
        assert!(!why);
        let frames = (back.len() / 1004).to_string();
        let _ = server
            .stop()
            .expect_code(0)
            .expect_stderr(reason)
            .expect_summary("frames", &frames);
    }
}

/// A peer that goes on sending gets every echo that is counted, no reset, and
/// an end.
#[test]
fn a_peer_that_goes_on_sending_gets_all_echoes_and_the_end() {
    for (limit, reason) in LIMITS {
        let server = Server::start(&limit);
        let stream = connect(server.addr());
        let read = AtomicUsize::new(0);
        let bytes = frame(&[b'x'; 1000]);
        thread::scope(|scope| {
            scope.spawn(|| while (&stream).write_all(&bytes).is_ok() {});
            let mut back = vec![0; bytes.len()];
            loop {
                match (&stream).read_exact(&mut back) {
                    Ok(()) => assert_eq!(back, bytes),
                    Err(error) => {
                        let kind = std::io::ErrorKind::UnexpectedEof;
                        assert_eq!(error.kind(), kind, "{error}");
                        break;
                    }
                }
                read.fetch_add(1, Ordering::SeqCst);
            }
            let _ = stream.shutdown(Shutdown::Both);
        });
        let frames = read.into_inner().to_string();
        let _ = server
            .stop()
            .expect_code(0)
            .expect_stderr(reason)
            .expect_summary("frames", &frames);
    }
}
