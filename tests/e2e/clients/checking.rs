//! `echo-client check`: what it finds, shows and writes, and how it ends.

use std::{
    fs,
    io::{self, Read, Write},
    net::TcpListener,
    process::Command,
    sync::mpsc,
    thread,
};

use serde_json::{Value, json};
use testkit::{
    DEADLINE, Process, ServerProcess, program, run, tokio_peer,
    wire::{fake_server, silent_server},
};

/// What `check` finds, as JSON.
pub(super) fn check(host: &str, args: &[&str], code: impl Into<Option<i32>>) -> Value {
    let args = [&["check", "-h", host, "--json", "-"], args].concat();
    let output = run("echo-client", &args);
    let found: Value =
        serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output}"));
    let expected = i32::from(found["failed"] != json!([]));
    let _ = output.expect_code(code.into().unwrap_or(expected));
    found
}

/// What came of a rule.
pub(super) fn outcome<'a>(found: &'a Value, rule: &str) -> &'a Value {
    let rules = found["rules"].as_array().unwrap();
    rules.iter().find(|row| row["name"] == rule).unwrap()
}

#[test]
fn our_server_keeps_every_rule() {
    for (mode, rules) in [(&[][..], 22), (&["--raw"], 10)] {
        let server = ServerProcess::start(mode);
        // Nothing is waited for that long where all is right.
        let args = [mode, &["--timeout", "1h", "--max-frame", "1MiB"]].concat();
        let found = check(&server.host(), &args, 0);
        let rows = found["rules"].as_array().unwrap();
        assert_eq!(rows.len(), rules);
        // In the table, each is a line.
        let table = run(
            "echo-client",
            &[&["check", "-h", &server.host()], mode].concat(),
        );
        assert_eq!(table.stdout.lines().count(), 1 + rules, "{table}");
        let readme = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../crates/echo-client/README.md"
        );
        let readme = fs::read_to_string(readme).unwrap();
        for row in rows {
            let is_good = row["outcome"] == "pass" || row["outcome"] == "info";
            assert!(is_good, "{row}");
            let name = row["name"].as_str().unwrap();
            assert!(readme.contains(&format!("| `{name}` | ")), "{name}");
        }
        if mode.is_empty() {
            assert_eq!(outcome(&found, "limit")["came"], "8388608 bytes");
            assert_eq!(outcome(&found, "heartbeat")["came"], "echoed");
            for coding in ["checksum", "compression"] {
                let came = &outcome(&found, coding)["came"];
                assert!(came.as_str().unwrap().starts_with("verified"), "{came}");
            }
        }
    }
}

#[test]
fn the_codec_of_tokio_util_keeps_every_rule() {
    let (listening, addr) = mpsc::channel();
    thread::spawn(move || tokio_peer::serve(|addr| listening.send(addr).unwrap()));
    let addr = addr.recv_timeout(DEADLINE).unwrap();
    let found = check(&addr.to_string(), &["--timeout", "16s"], 0);
    assert_eq!(outcome(&found, "urgent")["outcome"], "warn", "{found:#}");
    assert_eq!(outcome(&found, "limit")["came"], "8388608 bytes");
    for coding in ["checksum", "compression"] {
        let came = &outcome(&found, coding)["came"];
        assert!(came.as_str().unwrap().starts_with("none: "), "{came}");
    }
}

#[test]
fn the_table_fits_a_terminal_and_the_outcome_is_one_line() {
    let host = silent_server().to_string();
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("found.json");
    let json = json.to_str().unwrap();
    let args = ["check", "-h", &host, "--timeout", "100ms", "--json", json];
    let output = run("echo-client", &args).expect_code(1);
    let too_wide = output.stdout.lines().find(|line| line.chars().count() > 80);
    assert_eq!(too_wide, None, "{output}");
    let output = output.expect_stderr("breaks rules of an echo server: echo, split, ");
    assert_eq!(output.stderr.lines().count(), 1, "{output}");
    for part in ["sent: ", "came: nothing within 100ms", "why:  "] {
        assert!(output.stdout.contains(part), "{output}");
    }
    let found: Value = serde_json::from_str(&fs::read_to_string(json).unwrap()).unwrap();
    assert_eq!(found["wire"], "framed");
}

#[test]
fn what_a_server_sends_cannot_drive_the_terminal() {
    let host = fake_server(|mut stream| {
        let _ = stream.write_all(b"\x1b[2J\x07\xff\n".repeat(100).as_slice());
        let _ = stream.read(&mut [0; 64]);
    });
    let args = ["check", "-h", &host.to_string(), "--timeout", "100ms"];
    let output = run("echo-client", &args).expect_code(1);
    let is_harmless = |c: char| c == '\n' || !c.is_control();
    assert!(output.stdout.chars().all(is_harmless), "{output}");
    assert!(output.stdout.contains(r"\x1b[2J\x07\xff"), "{output}");
}

#[test]
fn another_protocol_is_named() {
    for (bytes, name) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], "HTTP"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "SSH"),
        (b"\x15\x03\x03\0\x02\x02\x32", "TLS"),
    ] {
        let host = fake_server(move |mut stream| {
            let _ = stream.write_all(bytes);
            let _ = stream.read(&mut [0; 64]);
        });
        let found = check(&host.to_string(), &["--timeout", "200ms"], 1);
        let came = outcome(&found, "echo")["came"].as_str().unwrap();
        let named = format!(" was due; it speaks {name}");
        assert!(came.ends_with(&named), "{came}");
    }
}

/// Of one that is gone, the rules that are not tried are not broken.
#[test]
fn a_server_that_dies_ends_the_check() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().take(40) {
            let stream = stream.unwrap();
            thread::spawn(move || io::copy(&mut &stream, &mut &stream));
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("found.json");
    let json = json.to_str().unwrap();
    let args = ["check", "-h", &addr.to_string(), "--json", json];
    let output = run("echo-client", &args).expect_code(1);
    let output = output.expect_stderr("breaks rules of an echo server: sizes; is gone since sizes");
    assert_eq!(output.stderr.lines().count(), 1, "{output}");
    let found: Value = serde_json::from_str(&fs::read_to_string(json).unwrap()).unwrap();
    assert_eq!(found["failed"], json!(["sizes"]));
}

/// Also where no rule is broken.
#[test]
fn a_server_that_is_killed_has_not_passed() {
    let mut server = ServerProcess::start(&[]);
    let mut check = Command::new(program("echo-client"));
    let mut check = Process::start(check.args(["check", "-h", &server.host()]));
    let _ = check.wait_for_stdout("garbage ");
    server.process().kill();
    let output = check.wait().expect_code(1);
    let output = output.expect_stderr(" is gone since ");
    assert!(!output.stderr.contains("breaks"), "{output}");
}

/// What this host lacks is no fault of the server.
#[test]
#[cfg(unix)]
fn a_client_without_descriptors_does_not_blame_the_server() {
    let server = ServerProcess::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("found.json");
    let command = format!(
        "ulimit -n 64 && exec {} check -h {} --json {}",
        program("echo-client").display(),
        server.addr(),
        json.display()
    );
    let mut shell = Command::new("sh");
    let output = Process::start(shell.args(["-c", &command])).wait();
    let output = output.expect_code(1).expect_stderr(
        "cannot check crowd: this host opens no connection: Too many open files (os error 24); \
         150 descriptors are enough: ulimit -n 150",
    );
    assert_eq!(output.stderr.lines().count(), 1, "{output}");
    assert!(!output.stdout.contains("FAIL"), "{output}");
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        0,
        "half a file"
    );
}

#[test]
#[cfg(unix)]
fn an_interrupted_check_leaves_no_file() {
    let server = ServerProcess::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("found.json");
    let mut check = Command::new(program("echo-client"));
    check
        .args(["check", "-h", &server.host(), "--json"])
        .arg(json);
    let mut check = Process::start(&mut check);
    let _ = check.wait_for_stdout("echo ");
    check.signal("INT");
    let output = check.wait().expect_code(130);
    assert!(!output.stdout.contains("garbage"), "{output}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "leftovers");
}

#[test]
fn a_closed_stdout_does_not_change_what_is_found() {
    let host = silent_server().to_string();
    let args = ["check", "-h", &host, "--timeout", "100ms"];
    let mut command = Command::new(program("echo-client"));
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let check = Process::start_with_stdout(command.args(args), writer);
    let output = check.wait().expect_code(1);
    let _ = output.expect_stderr("breaks rules of an echo server: echo, split, ");
}

#[test]
fn a_file_that_cannot_be_written_is_a_failure_before_the_check() {
    for path in ["/nowhere/found.json", "/"] {
        // No server is needed.
        let args = ["check", "-h", "127.0.0.1:1", "--json", path];
        let output = run("echo-client", &args).expect_code(1).expect_stdout("");
        let output = output.expect_stderr(&format!("cannot write {path}: "));
        assert_eq!(output.stderr.lines().count(), 1, "{output}");
    }
}
