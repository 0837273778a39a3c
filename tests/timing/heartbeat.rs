//! Heartbeats: a dead server is detected, a slow one does not count as dead.

use std::{
    io::Write,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use testkit::{
    Process, ServerProcess, alone, certificates::Authority, measured::measure_with, program, run,
    run_with_input, wire::answering_server,
};

const INTERVAL: Duration = Duration::from_millis(500);

/// Pinged after one interval, dead after another; and as much again as slack
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

/// A stopped process keeps its connections, and its kernel acknowledges for it.
#[test]
fn a_stopped_server_is_dead() {
    let _alone = alone();
    let authority = Authority::new("authority");
    let (identity, ca) = (authority.issue(), authority.file());
    for (server_tls, client_tls) in [
        (&[][..], &[][..]),
        (&identity.server(), &["--tls", "--tls-ca", &ca]),
    ] {
        let mut server = ServerProcess::start(server_tls);
        let host = server.host();

        let mut repl = client("repl-client", &host, client_tls);
        repl.stdin().write_all(b"hello\n").unwrap();
        let _ = repl.wait_for_stdout("hello");
        let mut bench = client("bench-client", &host, &[client_tls, &["-c", "2"]].concat());
        let _ = bench.wait_for_stderr("Queries Per Second");
        let mut echo = client(
            "echo-client",
            &host,
            &[client_tls, &["-n", "1000000"]].concat(),
        );
        let _ = echo.wait_for_stdout("100 Hello World!");
        server.process().signal("STOP");
        let stopped = Instant::now();

        // Stdin stays open.
        let dead = format!("{host} is dead: no frame for 1.");
        let _ = repl.wait_for_stderr(&dead);
        let _ = echo.wait_for_stderr(&dead);
        let _ = bench.wait_for_stderr("2 heartbeat timeout");
        let noticed = stopped.elapsed();
        assert!(noticed >= INTERVAL && noticed < NOTICED, "{noticed:?}");
        for process in [repl, echo, bench] {
            let _ = process.wait().expect_code(1);
        }
    }
}

#[test]
fn a_slow_server_is_not_dead() {
    let _alone = alone();
    // Later than a heartbeat is sent, sooner than it is missed.
    let host = answering_server(|stream, bytes| {
        thread::sleep(Duration::from_millis(700));
        stream.write_all(bytes)
    })
    .to_string();
    let args = ["-h", &host, "--heartbeat", "500ms"];
    let _ = run("echo-client", &[&args[..], &["-n", "2"]].concat())
        .expect_code(0)
        .expect_stdout("1   Hello World!\n2   Hello World!\n");
    let _ = run_with_input("repl-client", &args, b"a\nb\nq\n")
        .expect_code(0)
        .expect_stdout("a\nb\n");
    let measured = measure_with(&[&args[..], &["-c", "2", "-n", "4"]].concat(), 0);
    assert_eq!(measured.count("/messages/replies"), 4);
}

/// Half a frame, over and over, does not count as a frame.
#[test]
fn a_server_that_only_drips_is_dead() {
    let _alone = alone();
    let drip = || {
        answering_server(|stream, _| {
            stream.write_all(b"\0\0\0\xc8")?;
            loop {
                stream.write_all(b"x")?;
                thread::sleep(Duration::from_millis(20));
            }
        })
        .to_string()
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

/// A reply that drips in byte by byte does not count as in time.
#[test]
fn a_reply_that_drips_is_late() {
    let _alone = alone();
    for mode in [&[][..], &["--raw"]] {
        let host = answering_server(|stream, bytes| {
            for byte in bytes {
                stream.write_all(&[*byte])?;
                thread::sleep(Duration::from_millis(20));
            }
            Ok(())
        })
        .to_string();
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

/// While no line is typed, the connection is kept and checked.
#[test]
fn an_idle_session_sends_heartbeats() {
    let _alone = alone();
    let mut server = ServerProcess::start(&["-v"]);
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
