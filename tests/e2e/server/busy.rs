//! `--max-connection-age` and `--max-connection-bytes` end a busy stream as a
//! stop does: received data is echoed, then the connection is closed.

use std::{
    io::{ErrorKind, Read, Write},
    net::Shutdown,
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use testkit::{
    ServerProcess,
    wire::{connect, fill, frame, read_to_end},
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
        let mut server = ServerProcess::start(&limit);
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

/// Its echoes are not lost by a reset while it goes on sending, however long the
/// server reads what had arrived: here a byte at a time.
#[test]
fn a_peer_that_reads_late_gets_all_echoes() {
    const SLOW: [&str; 6] = [
        "--read-buffer",
        "1",
        "--recv-buffer",
        "256k",
        "--drain",
        "1h",
    ];
    let bytes = frame(&[b'x'; 1000]);
    let stop: ([&str; 2], &str) = (["--stats", "-"], "1 shutdown");
    let limits = LIMITS.map(|(limit, _, reason)| (limit, reason));
    for (options, reason) in limits.into_iter().chain([stop]) {
        let mut server = ServerProcess::start(&[&options[..], &SLOW].concat());
        let stream = connect(server.addr());
        let mut sent = fill(&stream, &bytes);
        let is_stopped = reason == stop.1;
        if is_stopped {
            server.process().signal("TERM");
        }
        // On from a frame that was written in part. A server that waits for room
        // for echoes takes no more, until this side reads.
        let (sent_of_it, rest) = bytes.split_at(sent % bytes.len());
        sent += fill(&stream, &[rest, sent_of_it].concat());
        let (back, end) = read_to_end(&stream);
        assert!(end.is_ok() && back.len() < sent, "{options:?}: {end:?}");
        let frames = back.chunks_exact(bytes.len());
        assert!(frames.remainder().is_empty(), "{options:?}");
        assert!(frames.clone().all(|frame| frame == bytes), "{options:?}");
        drop(stream);
        let output = if is_stopped {
            server.wait()
        } else {
            server.stop()
        };
        let _ = output
            .expect_code(0)
            .expect_closed(reason)
            .expect_stat("frames", frames.len() as u64);
    }
}

/// Echoes that a peer has not read yet are not lost by a reset when it sends
/// once more after the end.
#[test]
#[cfg(target_os = "linux")]
fn unread_echoes_survive_what_is_sent_after_the_end() {
    use std::net::TcpStream;

    use socket2::{Domain, Socket, Type};
    use testkit::DEADLINE;

    const FRAMES: usize = 700;

    let bytes = frame(&[b'x'; 1000]);
    let all = bytes.repeat(FRAMES);
    for (option, end, reason) in [
        ("-v", "the server stops", "1 shutdown"),
        ("--max-connection-age=2s", "--max-connection-age", "1 age"),
    ] {
        let mut server = ServerProcess::start(&["--stats", "-", "--drain", "1h", option]);
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        // Most of the echoes have to wait at the server.
        socket.set_recv_buffer_size(16 << 10).unwrap();
        socket.connect(&server.addr().into()).unwrap();
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        (&stream).write_all(&all).unwrap();
        let echoed = format!(r#""frames":{FRAMES},"#);
        let _ = server.process().wait_for_stdout(&echoed);
        let is_stopped = reason == "1 shutdown";
        if is_stopped {
            server.process().signal("TERM");
        }
        let _ = server.process().wait_for_stderr(end);
        (&stream).write_all(&bytes).unwrap();
        let (back, end) = read_to_end(&stream);
        assert!(end.is_ok(), "{option}: {end:?} after {} bytes", back.len());
        assert!(back == all, "{option}: {} bytes", back.len());
        drop(stream);
        let output = if is_stopped {
            server.wait()
        } else {
            server.stop()
        };
        let _ = output.expect_code(0).expect_closed(reason);
    }
}
