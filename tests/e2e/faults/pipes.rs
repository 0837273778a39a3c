//! Files that are pipes: results through them are whole, and no program waits for ever
//! for the other end.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use rustix::{
    fs::{CWD, Mode, mkfifoat},
    pipe::fcntl_setpipe_size,
};
use serde_json::Value;
use testkit::{Process, ServerProcess, program, run};

fn fifo(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    mkfifoat(CWD, &path, Mode::RUSR | Mode::WUSR).unwrap();
    path
}

#[test]
fn a_pipe_without_another_end_is_a_failure() {
    const UNREAD: &str = "a pipe that no process has open for reading";
    const UNWRITTEN: &str = "a pipe that no process writes to";

    let folder = tempfile::tempdir().unwrap();
    let path = fifo(folder.path(), "pipe");
    let path = path.to_str().unwrap();
    // No server is needed: none of them connects.
    let run = "-h 127.0.0.1:1 -n 1";
    let tls = "-h 127.0.0.1:1 --tls";
    let listen = "--listen 127.0.0.1:0";
    let commands = [
        ("bench-client", format!("{run} --json {path}"), UNREAD),
        ("bench-client", format!("{run} --hdr {path}"), UNREAD),
        ("bench-client", format!("{run} --report {path}"), UNREAD),
        (
            "bench-client",
            format!("capacity --slo p99<5ms --report {path}"),
            UNREAD,
        ),
        ("bench-client", format!("overhead --json {path}"), UNREAD),
        ("echo-client", format!("lab --svg {path}"), UNREAD),
        (
            "echo-client",
            format!("check -h 127.0.0.1:1 --json {path}"),
            UNREAD,
        ),
        (
            "echo-server",
            format!("{listen} --tls-self-signed --tls-write-cert {path}"),
            UNREAD,
        ),
        (
            "echo-server",
            format!("{listen} --tls-cert {path} --tls-key {path}"),
            UNWRITTEN,
        ),
        ("echo-client", format!("{tls} --tls-ca {path}"), UNWRITTEN),
        ("repl-client", format!("{tls} --tls-ca {path}"), UNWRITTEN),
        ("bench-client", format!("compare {path} {path}"), UNWRITTEN),
        ("bench-client", format!("merge {path} {path}"), UNWRITTEN),
    ];
    // At the same time, as each takes seconds: first those that read, then those that
    // write, which would be each other's other end.
    for each in [UNWRITTEN, UNREAD] {
        let running: Vec<_> = commands
            .iter()
            .filter(|(_, _, expected)| *expected == each)
            .map(|(name, args, _)| {
                let mut command = Command::new(program(name));
                Process::start(command.args(args.split(' ')))
            })
            .collect();
        for process in running {
            let output = process.wait().expect_code(1).expect_stderr(each);
            let output = output.expect_stderr(path);
            let errors = output
                .stderr
                .lines()
                .filter(|line| !line.contains(" INFO "));
            assert_eq!(errors.count(), 1, "{output}");
        }
    }
}

#[test]
fn results_through_a_slow_pipe_are_whole() {
    let folder = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(&[]);
    let host = server.host();
    let names = ["json", "hdr", "report"];
    let readers = names.map(|name| {
        let path = fifo(folder.path(), name);
        thread::spawn(move || {
            // After the program has tried to open it.
            thread::sleep(Duration::from_millis(100));
            let mut file = File::open(path).unwrap();
            fcntl_setpipe_size(&file, 4096).unwrap();
            let mut text = Vec::new();
            let mut chunk = [0; 1024];
            while let Ok(count @ 1..) = file.read(&mut chunk) {
                text.extend_from_slice(&chunk[..count]);
                thread::sleep(Duration::from_millis(2));
            }
            text
        })
    });
    let mut args = vec!["-h".to_owned(), host, "-d".into(), "1500ms".into()];
    args.push("--no-noise-floor".into());
    for name in names {
        let path = folder.path().join(name);
        args.extend([format!("--{name}"), path.to_str().unwrap().to_owned()]);
    }
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let _ = run("bench-client", &args).expect_code(0);
    let [json, hdr, report] = readers.map(|reader| reader.join().unwrap());
    let results: Value = serde_json::from_slice(&json).unwrap();
    assert!(results["messages"]["replies"].as_u64().unwrap() > 0);
    assert!(hdr.ends_with(b"\n") && !hdr.is_empty());
    assert!(report.trim_ascii_end().ends_with(b"</html>"));
}

/// As a shell substitutes them: `compare <(…) <(…)`, `--json >(…)`.
#[test]
fn process_substitution_works() {
    let folder = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(&[]);
    let host = server.host();
    let bench = program("bench-client");
    let bench = bench.to_str().unwrap();
    let script = format!(
        "cd '{}' && set -e
        '{bench}' -h {host} -n 10 --no-noise-floor --json >(sleep 0.2; cat > a.part; mv a.part a)
        until [ -e a ]; do sleep 0.01; done
        '{bench}' -h {host} -n 10 --no-noise-floor --json b
        '{bench}' compare <(sleep 0.2; cat a) <(cat b)
        '{bench}' compare a /dev/stdin < b
        '{bench}' merge <(cat a) --json c",
        folder.path().display()
    );
    let output = Process::start(Command::new("bash").args(["-c", &script])).wait();
    let output = output.expect_code(0);
    assert_eq!(output.stdout.matches("A: 1 ").count(), 2, "{output}");
    assert!(folder.path().join("c").exists(), "{output}");
}

#[test]
fn what_has_no_end_is_refused() {
    for device in ["/dev/zero", "/dev/full", "/"] {
        for args in [
            &["compare", device, device][..],
            &["merge", device],
            &["-h", "127.0.0.1:1", "--tls", "--tls-ca", device],
        ] {
            let _ = run("bench-client", args)
                .expect_code(1)
                .expect_stderr(device)
                .expect_stderr("neither a regular file nor a pipe");
        }
    }
}
