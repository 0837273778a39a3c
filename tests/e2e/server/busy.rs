//! `--max-connection-age` and `--max-connection-bytes` end a busy stream as a
//! stop does: what has arrived comes back, then the end.

use std::{
    io::{ErrorKind, Read, Write},
    net::Shutdown,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Duration,
};

use testkit::{
    Server,
    wire::{connect, fill, frame, read_to_end},
};

/// The options, what the log says, and the reason in the statistics.
const LIMITS: [([&str; 2], &str, &str); 2] = [
    (
        ["--max-connection-age", "1s"],
        "longer than --max-connection-age",
        "1 age",
    ),
    (
        ["--max-connection-bytes", "100k"],
        "more than --max-connection-bytes",
        "1 bytes",
    ),
];

/// The server is blocked by a peer that does not read when the limit is
/// reached; then the peer reads, slowly.
#[test]
fn what_has_arrived_is_echoed_to_a_slow_reader() {
    for (limit, why, reason) in LIMITS {
        let mut server = Server::start(&[&limit[..], &["--drain", "20s"]].concat());
        let stream = connect(server.addr());
        let sent = fill(&stream, &frame(&[b'x'; 1000]).repeat(100));
        // The limit is reached, and the server waits for this side to read.
        thread::sleep(Duration::from_millis(1700));
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
        let _ = server.process().wait_for_stderr(why);
        let frames = back.len() as u64 / 1004;
        let _ = server
            .stop()
            .expect_code(0)
            .expect_closed(reason)
            .expect_stat("frames", frames);
    }
}

/// A peer that goes on sending gets every echo that is counted, no reset, and
/// an end.
#[test]
fn a_peer_that_goes_on_sending_gets_all_echoes_and_the_end() {
    for (limit, why, reason) in LIMITS {
        let mut server = Server::start(&limit);
        let stream = connect(server.addr());
        let read = AtomicU64::new(0);
        let bytes = frame(&[b'x'; 1000]);
        thread::scope(|scope| {
            scope.spawn(|| while (&stream).write_all(&bytes).is_ok() {});
            let mut back = vec![0; bytes.len()];
            loop {
                match (&stream).read_exact(&mut back) {
                    Ok(()) => assert_eq!(back, bytes),
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "{error}");
                        break;
                    }
                }
                read.fetch_add(1, Ordering::SeqCst);
            }
            let _ = stream.shutdown(Shutdown::Both);
        });
        let _ = server.process().wait_for_stderr(why);
        let frames = read.into_inner();
        let _ = server
            .stop()
            .expect_code(0)
            .expect_closed(reason)
            .expect_stat("frames", frames);
    }
}
