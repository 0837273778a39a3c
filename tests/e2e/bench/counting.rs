//! `bench-client`: its counts, and replies meant to mislead it.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    sync::atomic::{AtomicU32, Ordering},
};

use serde_json::json;
use testkit::{
    ServerProcess,
    measured::{MeasuredRun, measure, measure_with, start},
    run,
    wire::fake_server,
};

#[test]
fn exactly_the_requested_messages_are_exchanged() {
    for mode in [&[][..], &["--raw"]] {
        for size in ["1", "12", "100000"] {
            let server = ServerProcess::start(mode);
            let args = ["-h", &server.host(), "-c", "7", "-n", "100", "-s", size];
            let measured = measure_with(&[mode, &args].concat(), 0);
            assert_eq!(measured.count("/connections/opened"), 7);
            assert_eq!(measured.count("/messages/replies"), 100);
            assert_eq!(measured.at("/failures"), &json!({}));
            let output = server.stop().expect_code(0).expect_stat("accepted", 7);
            if mode.is_empty() {
                let _ = output.expect_stat("frames", 100);
            }
        }
    }
}

/// The same for people: each line has its label, and latencies their units.
#[test]
fn a_summary_says_it_in_words() {
    let server = ServerProcess::start(&[]);
    let args = ["-h", &server.host(), "-c", "7", "-n", "100"];
    let output = run("bench-client", &args).expect_code(0);
    let row = |label: &str| {
        let mut lines = output.stdout.lines();
        let row = lines.find_map(|line| line.trim().strip_prefix(label));
        row.unwrap_or_else(|| panic!("no {label:?} in {output}"))
            .trim()
    };
    assert_eq!(row("connections"), "7 of 7", "{output}");
    assert!(row("round trips").starts_with("100 in "), "{output}");
    assert_eq!(row("failures"), "none", "{output}");
    for percentile in ["min", "mean", "p50", "p90", "max"] {
        let unit = row(percentile).split_whitespace().nth(1);
        assert!(matches!(unit, Some("µs" | "ms" | "s")), "{output}");
    }
}

/// A raw message larger than all socket buffers together comes back while it
/// is still being sent.
#[test]
fn large_messages_do_not_deadlock() {
    for mode in [&["-s", "8MiB"][..], &["-s", "64MiB", "--raw"]] {
        let args = ["--with-server", "-c", "2", "-n", "4"];
        let measured = measure_with(&[&args, mode].concat(), 0);
        assert_eq!(measured.count("/messages/replies"), 4);
    }
}

#[test]
fn a_duration_ends_the_run_and_is_measured() {
    let server = ServerProcess::start(&[]);
    let measured = measure(&server.host(), "-c 3 -d 1200ms", 0);
    assert!(measured.output.stderr.contains("Queries Per Second: "));
    // The window is as requested, whenever the last reply arrived.
    assert_eq!(measured.at("/elapsed_s"), 1.2);
    let count = measured.count("/messages/replies_in_window");
    let throughput = measured.at("/throughput").as_f64().unwrap();
    assert!((throughput * 1.2 / count as f64 - 1.0).abs() < 1e-9);
}

#[test]
fn an_interrupt_ends_the_run_with_a_summary() {
    for signal in ["INT", "TERM"] {
        let server = ServerProcess::start(&[]);
        let mut bench = start(&server.host(), "-c 3");
        let _ = bench.wait_for_stderr("Queries Per Second: ");
        bench.signal(signal);
        let measured = MeasuredRun::of(bench, 0);
        assert_eq!(measured.at("/failures"), &json!({}));
        assert_eq!(measured.count("/connections/opened"), 3);
    }
}

#[test]
fn a_server_killed_mid_run_is_a_failure() {
    let mut server = ServerProcess::start(&[]);
    let mut bench = start(&server.host(), "-c 3 -d 50s");
    let _ = bench.wait_for_stderr("Queries Per Second: ");
    server.process().kill();
    let measured = MeasuredRun::of(bench, 1);
    let failures = measured.at("/failures").as_object().unwrap();
    let counted: u64 = failures.values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(counted, 3, "{}", measured.output);
    let last = measured.output.stderr.lines().last().unwrap();
    let said = "bench-client: 3 failures against ";
    assert!(last.starts_with(said), "{}", measured.output);
}

/// Reads one 12-byte message (framed or raw), calls `answer`, and repeats.
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

/// Wrong answers that no [`Behaviour`](testkit::Behaviour) has: each is counted
/// by its kind, and so are the remaining correct replies.
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
            let _ = stream.shutdown(Shutdown::Write);
        }
    };
    for (mode, host, kind, right) in [
        ("", lying(4, send(|_| vec![0; 4])), "short", 0),
        ("", lying(4, send_and_close(|m| m[..9].into())), "short", 0),
        ("", lying(4, send(|_| vec![255; 4])), "not_a_frame", 0),
        ("", lying(4, send(|m| m[..7].into())), "timeout", 0),
        ("--raw", lying(0, send(|m| [m, b"!"].concat())), "extra", 1),
        ("--raw", lying(0, send(|m| m[..5].into())), "timeout", 0),
        (
            "--raw",
            lying(0, send_and_close(|m| m[..5].into())),
            "short",
            0,
        ),
    ] {
        // Only a missing reply is waited for until the timeout.
        let timeout = if kind == "timeout" { "300ms" } else { "30s" };
        let measured = measure(&host, &format!("{mode} -c 1 -n 1 --timeout {timeout}"), 1);
        assert_eq!(measured.at("/failures"), &json!({ kind: 1 }));
        assert_eq!(measured.count("/messages/replies"), right);
        let said = format!(
            "bench-client: 1 failure against {host}: 1 {}",
            kind.replace('_', " ")
        );
        let _ = measured.output.expect_stderr(&said);
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
    let measured = measure(&host, "-c 1 -n 100", 1);
    assert_eq!(measured.at("/failures"), &json!({"corrupt": 10}));
    assert_eq!(measured.count("/messages/replies"), 90);
}

#[test]
fn a_reply_that_drips_in_for_ever_times_out() {
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
    let measured = measure(&host, "-c 1 -n 1 --timeout 300ms", 1);
    assert_eq!(measured.at("/failures"), &json!({"timeout": 1}));
}
