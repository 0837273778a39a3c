//! Bad usage: one line with the fault and the expected value, exit code 2.

#[cfg(target_os = "linux")]
use std::{fs::File, process::Command};

#[cfg(target_os = "linux")]
use testkit::{Process, program};
use testkit::{assert_usage_error, run};

/// Every option that takes a value, with values that it must refuse.
const REFUSED: &[(&str, &str, &[&str])] = &[
    (
        "echo-server",
        "--listen",
        &[
            "",
            "60000",
            "127.0.0.1",
            "127.0.0.1:70000",
            "::1:60000",
            "[fe80::1%]:60000",
        ],
    ),
    (
        "echo-server",
        "--read-buffer",
        &["", "0", "-1", "x", "1GiB"],
    ),
    (
        "echo-server",
        "--max-frame",
        &["", "0", "-1", "x", "256MiB"],
    ),
    ("echo-client", "--count", &["", "0", "-1", "x", "1.5"]),
    (
        "echo-client",
        "--host",
        &["", "60000", "host:", "host:x", "[lo]:1"],
    ),
    ("echo-client", "--connect-timeout", &["", "0s", "5", "x"]),
    ("echo-client", "--timeout", &["", "0s", "5", "x"]),
    (
        "echo-client",
        "--max-frame",
        &["", "0", "x", "256MiB", "10"],
    ),
    ("repl-client", "--host", &["", "60000"]),
    ("repl-client", "--connect-timeout", &["", "0s", "5"]),
    ("repl-client", "--timeout", &["", "0s", "5"]),
    ("repl-client", "--max-frame", &["", "0", "x", "256MiB"]),
    (
        "bench-client",
        "--connections",
        &["", "0", "-1", "x", "10000000"],
    ),
    ("bench-client", "--duration", &["", "0s", "5", "x"]),
    ("bench-client", "--requests", &["", "0", "-1", "x"]),
    ("bench-client", "--size", &["", "0", "-1", "x", "9MiB"]),
    ("bench-client", "--host", &["", "60000"]),
    ("bench-client", "--connect-timeout", &["", "0s", "5"]),
    ("bench-client", "--timeout", &["", "0s", "5"]),
    (
        "bench-client",
        "--max-frame",
        &["", "0", "x", "256MiB", "10"],
    ),
    ("bench-client", "-h", &["", "60000"]),
    ("bench-client", "-c", &["", "0"]),
    (
        "echo-server",
        "--write-buffer",
        &["", "0", "-1", "x", "1GiB"],
    ),
    (
        "echo-server",
        "--send-buffer",
        &["", "0", "-1", "x", "1GiB"],
    ),
    (
        "echo-server",
        "--recv-buffer",
        &["", "0", "-1", "x", "1GiB"],
    ),
    (
        "echo-client",
        "--write-buffer",
        &["", "0", "-1", "x", "1GiB"],
    ),
    (
        "echo-client",
        "--send-buffer",
        &["", "0", "-1", "x", "1GiB"],
    ),
    (
        "echo-client",
        "--recv-buffer",
        &["", "0", "-1", "x", "1GiB"],
    ),
    (
        "echo-client",
        "--read-buffer",
        &["", "0", "-1", "x", "1GiB"],
    ),
    ("echo-client", "--heartbeat", &["", "0s", "5", "x"]),
    (
        "repl-client",
        "--write-buffer",
        &["", "0", "-1", "x", "1GiB"],
    ),
    (
        "repl-client",
        "--send-buffer",
        &["", "0", "-1", "x", "1GiB"],
    ),
    (
        "repl-client",
        "--recv-buffer",
        &["", "0", "-1", "x", "1GiB"],
    ),
    (
        "repl-client",
        "--read-buffer",
        &["", "0", "-1", "x", "1GiB"],
    ),
    ("repl-client", "--heartbeat", &["", "0s", "5", "x"]),
    (
        "bench-client",
        "--write-buffer",
        &["", "0", "-1", "x", "1GiB"],
    ),
    (
        "bench-client",
        "--send-buffer",
        &["", "0", "-1", "x", "1GiB"],
    ),
    (
        "bench-client",
        "--recv-buffer",
        &["", "0", "-1", "x", "1GiB"],
    ),
    (
        "bench-client",
        "--read-buffer",
        &["", "0", "-1", "x", "1GiB"],
    ),
    ("bench-client", "--heartbeat", &["", "0s", "5", "x"]),
];

#[test]
fn every_value_is_checked() {
    for (program, option, values) in REFUSED.iter().copied() {
        for value in values {
            // As one argument, so that -1 is a value and not an option.
            let arg = if option.starts_with("--") {
                format!("{option}={value}")
            } else {
                format!("{option}{value}")
            };
            if arg == option {
                continue;
            }
            assert_usage_error(program, &[&arg], option.trim_start_matches('-'));
        }
        assert_usage_error(program, &[option], "value");
    }
}

/// As an argument of its own, too: the error is about the value.
#[test]
fn a_negative_number_is_a_value() {
    for (program, args, option) in [
        ("bench-client", &["-r", "-5"][..], "--rate"),
        ("bench-client", &["-n", "-1"], "--requests"),
        ("bench-client", &["-d", "-5s"], "--duration"),
        ("bench-client", &["-s", "-64k"], "--size"),
        ("bench-client", &["--seed", "-1"], "--seed"),
        ("bench-client", &["--rank", "-1"], "--rank"),
        ("bench-client", &["--entropy", "-.5"], "--entropy"),
        ("bench-client", &["--source", "-1"], "--source"),
        (
            "bench-client",
            &["capacity", "--max-failures", "-1"],
            "--max-failures",
        ),
        (
            "bench-client",
            &["overhead", "--repeats", "-1"],
            "--repeats",
        ),
        ("echo-client", &["-n", "-1"], "--count"),
        ("echo-client", &["check", "--timeout", "-1s"], "--timeout"),
        (
            "echo-server",
            &["--max-connections", "-1"],
            "--max-connections",
        ),
        ("repl-client", &["--timeout", "-1s"], "--timeout"),
    ] {
        let output = run(program, args).expect_code(2);
        let output = output.expect_stderr(option).expect_stderr("': expected ");
        assert_eq!(output.stderr.lines().count(), 1, "{output}");
    }
    // Flags may be digits.
    let output = run(
        "bench-client",
        &["-h", "127.0.0.1:1", "--raw", "-4", "-n", "1"],
    );
    let _ = output.expect_code(1).expect_stderr("cannot connect");
}

#[test]
fn unknown_and_conflicting_options_are_refused() {
    for program in ["echo-server", "echo-client", "repl-client", "bench-client"] {
        assert_usage_error(program, &["--frobnicate"], "'--frobnicate'");
        assert_usage_error(program, &["stray"], "'stray'");
    }
    assert_usage_error(
        "bench-client",
        &["--with-server", "-h", "127.0.0.1:1"],
        "--with-server",
    );
    assert_usage_error("bench-client", &["--raw", "--size", "256MiB"], "--size");
}

#[test]
fn help_and_version_go_to_stdout() {
    for program in ["echo-server", "echo-client", "repl-client", "bench-client"] {
        let help = run(program, &["--help"]).expect_code(0);
        assert!(help.stdout.contains("Usage: "), "{help}");
        assert!(help.stderr.is_empty(), "{help}");
        let widest = help.stdout.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(100), "{help}");
        let _ = run(program, &["--version"])
            .expect_code(0)
            .expect_stderr("");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn help_that_cannot_be_written_is_a_failure() {
    for option in ["--help", "--version"] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let mut command = Command::new(program("repl-client"));
        let output = Process::start_with_stdout(command.arg(option), full).wait();
        let _ = output
            .expect_code(1)
            .expect_stderr("repl-client: cannot write to stdout: No space left");
    }
}
