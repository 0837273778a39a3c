//! Signals that end a client, and signals ignored at start.

use std::{io::Write, process::Command};

use testkit::{Process, ServerProcess, program};
#[cfg(target_os = "linux")]
use testkit::{send_signal, wait_until, wire::silent_server};

/// Starts a client as the first process of a container, and sends it a signal
/// once it is connected.
#[cfg(target_os = "linux")]
fn signalled_as_pid_1(client: &str, signal: &str) -> Process {
    let args = ["-h", &silent_server().to_string()];
    program_signalled_as_pid_1(client, &args, "connection established", signal)
}

/// The same with any program, once it logs `ready`.
#[cfg(target_os = "linux")]
fn program_signalled_as_pid_1(name: &str, args: &[&str], ready: &str, signal: &str) -> Process {
    let mut command = Command::new("unshare");
    command.args(["--pid", "--fork", "--kill-child"]);
    command.arg(program(name)).args(args);
    let mut unshare = Process::start(&mut command);
    let _ = unshare.wait_for_stderr(ready);
    let id = unshare.id();
    let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
    send_signal(children.trim().parse().unwrap(), signal);
    unshare
}

/// Starts a client as `nohup` and background jobs of a script do.
#[cfg(target_os = "linux")]
fn ignoring(signal: &str, client: &str, args: &[&str]) -> Process {
    let mut shell = Command::new("sh");
    let script = format!("trap '' {signal}; exec \"$0\" \"$@\"");
    Process::start(shell.args(["-c", &script]).arg(program(client)).args(args))
}

#[test]
#[cfg(target_os = "linux")]
fn signals_ignored_at_start_stay_ignored() {
    let server = ServerProcess::start(&[]);
    for signal in ["INT", "TERM"] {
        let args = ["-h", &server.host(), "-c", "1", "-d", "2s"];
        let mut bench = ignoring(signal, "bench-client", &args);
        let _ = bench.wait_for_stderr("Queries Per Second");
        bench.signal(signal);
        let output = bench.wait().expect_code(0);
        assert!(output.stdout.contains(" in 2."), "{output}");

        let mut repl = ignoring(signal, "repl-client", &["-h", &server.host()]);
        let _ = repl.wait_for_stderr("connection established");
        repl.signal(signal);
        repl.stdin().write_all(b"still here\n").unwrap();
        let _ = repl.wait().expect_code(0).expect_stdout("still here\n");
    }
}

/// From a pipe: the input was not finished.
#[test]
fn a_piped_session_reports_the_signal_that_ended_it() {
    let server = ServerProcess::start(&[]);
    for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let mut command = Command::new(program("repl-client"));
        let mut repl = Process::start(command.args(["-h", &server.host()]));
        repl.stdin().write_all(b"hello\n").unwrap();
        let _ = repl.wait_for_stdout("hello");
        repl.signal(signal);
        let _ = repl.wait_for_stderr(&format!("repl-client: ended by SIG{signal}"));
        let _ = repl.wait().expect_code(code);
    }
}

/// The session cannot end in order while it writes to a stdout that is full.
#[test]
#[cfg(target_os = "linux")]
fn a_full_stdout_does_not_keep_a_session_from_ending() {
    let server = ServerProcess::start(&[]);
    let (reader, writer) = std::io::pipe().unwrap();
    let mut command = Command::new(program("repl-client"));
    let mut repl = Process::start_with_stdout(command.args(["-h", &server.host()]), writer);
    // Two replies of these are more than a pipe holds.
    let line = "x".repeat(40_000);
    for _ in 0..2 {
        writeln!(repl.stdin(), "{line}").unwrap();
    }
    wait_until("stdout is full", || {
        rustix::io::ioctl_fionread(&reader).unwrap() >= 60_000
    });
    repl.signal("TERM");
    let _ = repl.wait().expect_code(143);
}

/// The system drops signals without a handler for PID 1.
#[test]
#[cfg(target_os = "linux")]
#[ignore = "needs root and unshare: cargo test -p e2e -- --ignored faults"]
fn faults_of_pid_1() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let echo = signalled_as_pid_1("echo-client", signal);
        let _ = echo.wait().expect_code(code);
        let mut repl = signalled_as_pid_1("repl-client", signal);
        let _ = repl.wait_for_stderr("ended by SIG");
        let _ = repl.wait().expect_code(code);
    }
    // Without --stats it ends the server.
    let args = ["--listen", "127.0.0.1:0"];
    let server = program_signalled_as_pid_1("echo-server", &args, "timeouts: ", "HUP");
    let _ = server.wait().expect_code(129);
}
