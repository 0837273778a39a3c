//! `bench-client`: what it counts, and that it is not fooled.

use std::{
    io::{Read, Write},
    net::TcpStream,
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

use testkit::{Output, Process, Server, measured::measure, program, run, wire::fake_server};

/// The rest of the summary's line that begins with `name`.
#[track_caller]
fn row<'a>(output: &'a Output, name: &str) -> &'a str {
    let row = output
        .stdout
        .lines()
        .find_map(|line| line.trim().strip_prefix(name));
    row.unwrap_or_else(|| panic!("no {name:?} in {output}"))
        .trim()
}

#[test]
fn exactly_the_messages_asked_for_are_exchanged() {
    for mode in [&[][..], &["--raw"]] {
        for size in ["1", "12", "100000"] {
            let server = Server::start(mode);
            let args = ["-h", &server.host(), "-c", "7", "-n", "100", "-s", size];
            let output = run("bench-client", &[mode, &args].concat()).expect_code(0);
            assert_eq!(row(&output, "connections"), "7 of 7", "{output}");
            assert!(
                row(&output, "round trips").starts_with("100 in "),
                "{output}"
            );
            assert_eq!(row(&output, "failures"), "none", "{output}");
            for percentile in ["min", "mean", "p50", "p90", "max"] {
                let figure = row(&output, percentile).split_whitespace().nth(1);
                assert!(matches!(figure, Some("µs" | "ms" | "s")), "{output}");
            }
            let output = server.stop().expect_code(0);
            let output = output.expect_summary("connections", "7");
            if mode.is_empty() {
                let _ = output.expect_summary("frames", "100");
            }
        }
    }
}

/// A raw message larger than all socket buffers together comes back while it
/// is still being sent.
#[test]
fn large_messages_do_not_deadlock() {
    for mode in [&["-s", "8MiB"][..], &["-s", "64MiB", "--raw"]] {
        let args = ["--with-server", "-c", "2", "-n", "4"];
        let output = run("bench-client", &[&args, mode].concat()).expect_code(0);
        assert!(row(&output, "round trips").starts_with("4 in "), "{output}");
    }
}

#[test]
fn a_duration_ends_the_run_and_is_measured() {
    let server = Server::start(&[]);
    let measured = measure(&server.host(), "-c 3 -d 1200ms", 0);
    assert!(measured.output.stderr.contains("Queries Per Second: "));
    // The window is what was requested, whenever the last reply came.
    assert_eq!(measured.at("/elapsed_s"), 1.2);
    let count = measured.count("/messages/replies_in_window");
    let throughput = measured.at("/throughput").as_f64().unwrap();
    assert!((throughput * 1.2 / count as f64 - 1.0).abs() < 1e-9);
}

#[test]
fn an_interrupt_ends_the_run_with_a_summary() {
    for signal in ["INT", "TERM"] {
        let mut command = Command::new(program("bench-client"));
        let mut bench = Process::start(command.args(["--with-server", "-c", "3"]));
        let _ = bench.wait_for_stderr("Queries Per Second: ");
        bench.signal(signal);
        let output = bench.wait().expect_code(0);
        assert_eq!(row(&output, "failures"), "none", "{output}");
        assert_eq!(row(&output, "connections"), "3 of 3", "{output}");
    }
}

#[test]
fn a_server_killed_mid_run_is_a_failure() {
    let mut server = Server::start(&[]);
    let mut command = Command::new(program("bench-client"));
    let mut bench = Process::start(command.args(["-h", &server.host(), "-c", "3", "-d", "50s"]));
    let _ = bench.wait_for_stderr("Queries Per Second: ");
    server.process().kill();
    let output = bench.wait().expect_code(1);
    let failures = row(&output, "failures").to_owned();
    let counted: u32 = failures
        .split(", ")
        .map(|kind| kind.split(' ').next().unwrap().parse::<u32>().unwrap())
        .sum();
    assert_eq!(counted, 3, "{output}");
    assert!(
        output
            .stderr
            .lines()
            .last()
            .unwrap()
            .starts_with("bench-client: 3 failures against "),
        "{output}"
    );
}

/// Reads one 12-byte message (framed or not), answers as told, and goes on.
fn lying(header: usize, answer: impl Fn(&mut TcpStream, &[u8]) + Send + Sync + 'static) -> String {
    let addr = fake_server(move |mut stream| {
        let mut message = vec![0; header + 12];
        while stream.read_exact(&mut message).is_ok() {
            answer(&mut stream, &message);
        }
    });
    addr.to_string()
}

/// A message changed into a reply.
type Lie = fn(&[u8]) -> Vec<u8>;

/// Row B1: each kind of wrong answer is counted as its kind, and how many
/// replies were right for all that.
#[test]
fn wrong_answers_are_counted_by_kind() {
    let send = |lie: Lie| {
        move |stream: &mut TcpStream, message: &[u8]| {
            let _ = stream.write_all(&lie(message));
        }
    };
    let send_and_close = |lie: Lie| {
        move |stream: &mut TcpStream, message: &[u8]| {
            let _ = stream.write_all(&lie(message));
            let _ = stream.shutdown(std::net::Shutdown::Write);
        }
    };
    let framed = &[][..];
    let raw = &["--raw"][..];
    for (mode, host, kind, right) in [
        (
            framed,
            lying(4, send(|_| b"\0\0\0\x0cHello World!".into())),
            "1 corrupt",
            0,
        ),
        (
            framed,
            lying(4, send(|m| [b"\0\0\0\x0b", &m[4..15]].concat())),
            "1 short",
            0,
        ),
        (framed, lying(4, send(|_| vec![0; 4])), "1 short", 0),
        (
            framed,
            lying(4, send(|m| [b"\0\0\0\x0d", &m[4..], b"!"].concat())),
            "1 extra",
            0,
        ),
        (framed, lying(4, send(|m| m.repeat(2))), "1 duplicate", 1),
        (
            framed,
            lying(4, send_and_close(|m| m[..9].into())),
            "1 short",
            0,
        ),
        (framed, lying(4, send(|_| vec![255; 4])), "1 not a frame", 0),
        (
            framed,
            lying(4, send_and_close(|_| Vec::new())),
            "1 closed",
            0,
        ),
        (framed, lying(4, send(|_| Vec::new())), "1 timeout", 0),
        (framed, lying(4, send(|m| m[..7].into())), "1 timeout", 0),
        (
            raw,
            lying(0, send(|_| b"Hello World!".into())),
            "1 corrupt",
            0,
        ),
        (raw, lying(0, send(|m| [m, b"!"].concat())), "1 extra", 1),
        (raw, lying(0, send(|m| m[..5].into())), "1 timeout", 0),
        (
            raw,
            lying(0, send_and_close(|m| m[..5].into())),
            "1 short",
            0,
        ),
        (raw, lying(0, send_and_close(|_| Vec::new())), "1 closed", 0),
        (raw, lying(0, send(|_| Vec::new())), "1 timeout", 0),
    ] {
        let args = ["-h", &host, "-c", "1", "-n", "1", "--timeout", "300ms"];
        let output = run("bench-client", &[mode, &args].concat()).expect_code(1);
        assert_eq!(row(&output, "failures"), kind, "{output}");
        let output =
            output.expect_stderr(&format!("bench-client: 1 failure against {host}: {kind}"));
        let round_trips = row(&output, "round trips");
        assert!(round_trips.starts_with(&format!("{right} in ")), "{output}");
    }
}

#[test]
fn after_a_wrong_reply_the_connection_goes_on() {
    let replies = AtomicU32::new(0);
    let host = lying(4, move |stream, message| {
        let mut reply = message.to_vec();
        if replies.fetch_add(1, Ordering::Relaxed) % 10 == 3 {
            reply[7] ^= 1;
        }
        let _ = stream.write_all(&reply);
    });
    let output = run("bench-client", &["-h", &host, "-c", "1", "-n", "100"]).expect_code(1);
    assert_eq!(row(&output, "failures"), "10 corrupt", "{output}");
    assert!(
        row(&output, "round trips").starts_with("90 in "),
        "{output}"
    );
}

#[test]
fn a_reply_that_drips_in_for_ever_is_no_reply() {
    let host = lying(4, |stream, _| {
        let _ = stream.write_all(b"\0\0\0\x0c");
        // One byte more often than the socket's own timeout.
        for byte in b"Hello World!" {
            std::thread::sleep(std::time::Duration::from_millis(100));
            if stream.write_all(&[*byte]).is_err() {
                return;
            }
        }
    });
    let args = ["-h", &host, "-c", "1", "-n", "1", "--timeout", "300ms"];
    let output = run("bench-client", &args).expect_code(1);
    assert_eq!(row(&output, "failures"), "1 timeout", "{output}");
}
