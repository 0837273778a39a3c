//! `--max-connection-age` and `--max-connection-bytes` end a busy stream as a
//! stop does: received data is echoed, then the connection is closed.

use std::{
    io::{ErrorKind, Read, Write},
    net::Shutdown,
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use testkit::{
    Server,
    wire::{connect, frame},
};

/// The options, the log line, and the reason in the statistics.
const LIMITS: [([&str; 2], &str, &str); 2] = [
    (
        ["--max-connection-age", "1s"],
        "longer than --max-connection-age",
        "1 age",
    ),
    (
        ["--max-connection-bytes", "100k"],
        ": --max-connection-bytes echoed in ",
        "1 bytes",
    ),
];

/// A peer that keeps sending gets every counted echo, no reset, and a clean
/// end.
#[test]
fn a_peer_that_keeps_sending_gets_all_echoes_and_a_clean_end() {
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
