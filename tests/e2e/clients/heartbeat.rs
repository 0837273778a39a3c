//! Heartbeats: a dead server is noticed, a slow one is not taken for dead.

use std::{
    io::{Read, Write},
    net::TcpStream,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use testkit::{Process, Server, program, run, run_with_input, wire::fake_server};

const INTERVAL: Duration = Duration::from_millis(500);

/// Asked after one interval, dead after another; and as much again as slack
/// for a busy machine.
const NOTICED: Duration = Duration::from_secs(2);

fn client(name: &str, host: &str, args: &[&str]) -> Process {
    let mut command = Command::new(program(name));
    Process::start(
        command
            .args(["-h", host, "--heartbeat", "500ms"])
            .args(args),
    )
}

/// A stopped process keeps its connections, and its kernel answers for it.
#[test]
fn a_stopped_server_is_dead() {
    let mut server = Server::start(&[]);
    let host = server.host();

    let mut repl = client("repl-client", &host, &[]);
    repl.stdin().write_all(b"hello\n").unwrap();
    let _ = repl.wait_for_stdout("hello");
    let mut bench = client("bench-client", &host, &["-c", "2"]);
    let _ = bench.wait_for_stderr("Queries Per Second");
    server.process().signal("STOP");
    let stopped = Instant::now();
    let mut echo = client("echo-client", &host, &[]);

    // Nobody types, and stdin stays open.
    let _ = repl.wait_for_stderr(&format!("{host} is dead: no frame for 1."));
    let _ = echo.wait_for_stderr(&format!("{host} is dead: no frame for 1."));
    let _ = bench.wait_for_stderr("2 heartbeat timeout");
    let noticed = stopped.elapsed();
    assert!(noticed >= INTERVAL && noticed < NOTICED, "{noticed:?}");
    for process in [repl, echo, bench] {
        let _ = process.wait().expect_code(1);
    }
}

/// A server that answers late, and in order, to whatever it was asked.
fn slow_server(
    delay: Duration,
    answer: impl Fn(&mut TcpStream, &[u8]) + Send + Sync + 'static,
) -> String {
    let addr = fake_server(move |mut stream| {
        let mut buf = [0; 4096];
        while let Ok(n) = stream.read(&mut buf) {
            if n == 0 {
                return;
            }
            thread::sleep(delay);
            answer(&mut stream, &buf[..n]);
        }
    });
    addr.to_string()
}

#[test]
fn a_slow_server_is_not_dead() {
    // Later than a heartbeat is sent, sooner than it is missed.
    let host = slow_server(Duration::from_millis(700), |stream, bytes| {
        let _ = stream.write_all(bytes);
    });
    let args = ["-h", &host, "--heartbeat", "500ms"];
    let _ = run("echo-client", &[&args[..], &["-n", "2"]].concat())
        .expect_code(0)
        .expect_stdout("1   Hello World!\n2   Hello World!\n");
    let _ = run_with_input("repl-client", &args, b"a\nb\nq\n")
        .expect_code(0)
        .expect_stdout("a\nb\n");
    let output = run(
        "bench-client",
        &[&args[..], &["-c", "2", "-n", "4"]].concat(),
    )
    .expect_code(0);
    assert!(output.stdout.contains("round trips  4 in "), "{output}");
}

/// Half a frame, over and over, is no sign of life.
#[test]
fn a_server_that_only_drips_is_dead() {
    let drip = || {
        slow_server(Duration::ZERO, |stream, _| {
            if stream.write_all(b"\0\0\0\xc8").is_err() {
                return;
            }
            while stream.write_all(b"x").is_ok() {
                thread::sleep(Duration::from_millis(20));
            }
        })
    };
    let _ = client("echo-client", &drip(), &[])
        .wait()
        .expect_code(1)
        .expect_stderr("is dead: ");
    let mut repl = client("repl-client", &drip(), &[]);
    repl.stdin().write_all(b"hello\n").unwrap();
    let _ = repl.wait_for_stderr("is dead: ");
    let _ = client(
        "bench-client",
        &drip(),
        &["-c", "1", "-n", "1", "-s", "200"],
    )
    .wait()
    .expect_code(1)
    .expect_stderr("1 heartbeat timeout");
}

/// Nor does one byte after the other make a reply in time.
#[test]
fn a_reply_that_drips_is_late() {
    for mode in [&[][..], &["--raw"]] {
        let host = slow_server(Duration::ZERO, |stream, bytes| {
            for byte in bytes {
                if stream.write_all(&[*byte]).is_err() {
                    return;
                }
                thread::sleep(Duration::from_millis(20));
            }
        });
        let args = [&["-h", &host, "--timeout", "500ms"], mode].concat();
        let text = "x".repeat(200);
        let _ = run("echo-client", &[&args[..], &["-m", &text]].concat())
            .expect_code(1)
            .expect_stderr("within 500ms");
        let _ = run_with_input("repl-client", &args, text.as_bytes())
            .expect_code(1)
            .expect_stderr("within 500ms");
    }
}

/// While the user thinks, the connection is kept and checked.
#[test]
fn an_idle_session_beats() {
    let mut server = Server::start(&["-v"]);
    let mut repl = client("repl-client", &server.host(), &[]);
    repl.stdin().write_all(b"hello\n").unwrap();
    let _ = repl.wait_for_stdout("hello");
    let _ = server.process().wait_for_stderr("read message: hello");
    for _ in 0..3 {
        let line = server.process().wait_for_stderr("read message:");
        assert!(line.ends_with("read message:"), "not empty: {line}");
    }
    repl.stdin().write_all(b"still there\n").unwrap();
    let _ = repl.wait_for_stdout("still there");
    let _ = repl.wait().expect_code(0);
    let _ = server.stop().expect_code(0);
}

#[test]
fn bare_bytes_have_no_heartbeat() {
    for client in ["echo-client", "repl-client", "bench-client"] {
        let _ = run(client, &["--raw", "--heartbeat", "1s"])
            .expect_code(2)
            .expect_stderr("--heartbeat");
    }
}
