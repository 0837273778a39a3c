//! `bench-client`: its output files, and that none is lost.

use std::{
    fs,
    path::Path,
    time::{Duration, SystemTime},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use hdrhistogram::{
    Histogram,
    serialization::{
        Deserializer,
        interval_log::{IntervalLogIterator, LogEntry},
    },
};
use serde_json::Value;
use testkit::{Behaviour, Liar, ServerProcess, assert_usage_error, run};

const NAMES: [&str; 3] = ["results.json", "latencies.hdr", "report.html"];

/// Paths in `folder`, as arguments.
fn paths(folder: &Path) -> [String; 3] {
    NAMES.map(|name| folder.join(name).to_str().unwrap().to_owned())
}

#[test]
fn files_are_written_beside_the_summary() {
    let folder = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(&[]);
    let paths = paths(folder.path());
    let [json, hdr, report] = &paths;
    let files = ["--json", json, "--hdr", hdr, "--report", report];
    let args = ["-h", &server.host(), "-n", "10", "--no-noise-floor"];
    let output = run("bench-client", &[&args[..], &files].concat()).expect_code(0);
    assert!(output.stdout.contains("throughput"), "{output}");
    let results: Value = serde_json::from_slice(&fs::read(json).unwrap()).unwrap();
    assert_eq!(results["messages"]["replies"], 10);
    for path in [hdr, report] {
        assert_ne!(fs::metadata(path).unwrap().len(), 0, "{path}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3, "leftovers");
}

#[test]
fn a_file_that_cannot_be_written_is_a_failure_before_the_run() {
    let path = concat!(env!("CARGO_TARGET_TMPDIR"), "/no-such-directory/file.html");
    for option in ["--json", "--hdr", "--report"] {
        // No server is needed: it fails before it connects.
        let args = ["-h", "127.0.0.1:1", "-n", "1", option, path];
        let _ = run("bench-client", &args)
            .expect_code(1)
            .expect_stderr(path);
    }
}

#[test]
fn old_files_survive_a_run_that_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let paths = paths(folder.path());
    for path in &paths {
        fs::write(path, "old").unwrap();
    }
    let [json, hdr, report] = &paths;
    let files = ["--json", json, "--hdr", hdr, "--report", report];
    let host = ["-h", "127.0.0.1:1"];
    let _ = run("bench-client", &[&files[..], &host].concat()).expect_code(1);
    for path in &paths {
        assert_eq!(fs::read(path).unwrap(), b"old");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3, "leftovers");
}

/// The summary, and every other file.
#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_costs_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(&[]);
    let paths = paths(folder.path());
    let [json, hdr, report] = &paths;
    for full in 0..3 {
        let mut files = [json.as_str(), hdr, report];
        files[full] = "/dev/full";
        let args = ["-h", &server.host(), "-n", "10", "--no-noise-floor"];
        let options = ["--json", files[0], "--hdr", files[1], "--report", files[2]];
        let output = run("bench-client", &[&args[..], &options].concat())
            .expect_code(1)
            .expect_stderr("bench-client: cannot write /dev/full: No space left");
        assert!(output.stdout.contains("failures     none"), "{output}");
        for (n, path) in paths.iter().enumerate() {
            assert_eq!(fs::remove_file(path).is_ok(), n != full, "{path}");
        }
    }
}

/// A signal ends the program at once while it opens or writes an output.
#[test]
#[cfg(target_os = "linux")]
fn a_signal_ends_a_program_whose_output_blocks() {
    use std::process::Command;
    use testkit::{Process, program};

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe").to_str().unwrap().to_owned();
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, 0o600.into()).unwrap();
    let server = ServerProcess::start(&[]);
    let start = || {
        let mut command = Command::new(program("bench-client"));
        Process::start(command.args(["-h", &server.host(), "-n", "10", "--json", &path]))
    };
    // Without a reader the pipe cannot be opened: some seconds pass before an error.
    let blocked = start();
    wait_until_handled(&blocked);
    blocked.signal("TERM");
    assert_eq!(blocked.wait().code, Some(143));

    // A reader that does not read, on a pipe smaller than the results.
    let reader = fs::File::options().read(true).write(true).open(&path);
    let reader = reader.unwrap();
    let size = rustix::pipe::fcntl_setpipe_size(&reader, 4096).unwrap();
    assert!(size <= 8192, "{size}");
    let mut blocked = start();
    let _ = blocked.wait_for_stdout("failures     none");
    blocked.signal("TERM");
    assert_eq!(blocked.wait().code, Some(143));
}

/// Waits until a process handles SIGTERM.
#[cfg(target_os = "linux")]
fn wait_until_handled(process: &testkit::Process) {
    const TERM: u64 = 1 << 14;
    let status = format!("/proc/{}/status", process.id());
    testkit::wait_until("handling SIGTERM", || {
        let status = fs::read_to_string(&status).unwrap();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let caught = u64::from_str_radix(caught.unwrap().trim(), 16).unwrap();
        caught & TERM != 0
    });
}

#[test]
fn every_output_needs_its_own_file() {
    for (args, named) in [
        (&["--json", "a", "--hdr", "a"][..], "--json and --hdr"),
        (&["--hdr", "a", "--report", "./a"], "--hdr and --report"),
        (&["--hdr", "-"], "--hdr: -"),
        (&["--report", "-", "--json", "-"], "--report: -"),
    ] {
        assert_usage_error("bench-client", args, named);
    }
}

/// The samples of a log, and its start of the load.
fn read_log(path: &str) -> (Histogram<u64>, SystemTime) {
    let bytes = fs::read(path).unwrap();
    let mut all = Histogram::<u64>::new(3).unwrap();
    let mut started = None;
    for entry in IntervalLogIterator::new(&bytes) {
        match entry.unwrap() {
            LogEntry::StartTime(since_1970) => {
                started = Some(SystemTime::UNIX_EPOCH + since_1970);
            }
            LogEntry::BaseTime(_) => {}
            LogEntry::Interval(interval) => {
                let encoded = STANDARD.decode(interval.encoded_histogram()).unwrap();
                let histogram: Histogram<u64> = Deserializer::new()
                    .deserialize(&mut encoded.as_slice())
                    .unwrap();
                all.add(&histogram).unwrap();
            }
        }
    }
    (all, started.expect("a start time"))
}

/// The samples of the results, including unanswered and unsent messages, with
/// any warm-up.
#[test]
fn the_log_has_exactly_the_samples_of_the_results() {
    let folder = tempfile::tempdir().unwrap();
    let [json, hdr, _] = paths(folder.path());
    for (args, code) in [
        ("-c 3 -d 300ms", 0),
        ("-c 3 -d 300ms --warmup 300ms", 0),
        ("-c 3 -n 500 --warmup 300ms", 0),
        ("-c 2 -r 2000 -d 300ms --warmup 300ms", 0),
        ("-c 2 -r 2000 -d 700ms --timeout 500ms", 1),
        ("-c 2 --pipeline 4 -d 700ms --timeout 500ms", 1),
    ] {
        // The last two runs reach the stall, which outlasts them.
        let liar = Liar::start(Behaviour::StallOnce {
            after: Duration::from_millis(if code == 0 { 3_600_000 } else { 400 }),
            for_: Duration::from_hours(1),
        });
        let files = ["--json", &json, "--hdr", &hdr, "--no-noise-floor"];
        let host = ["-h", &liar.host()];
        let args: Vec<&str> = args.split(' ').collect();
        let before = SystemTime::now();
        let _ = run("bench-client", &[&files[..], &host, &args].concat()).expect_code(code);
        let results: Value = serde_json::from_slice(&fs::read(&json).unwrap()).unwrap();
        let (samples, started) = read_log(&hdr);
        let latency = &results["latency"];
        assert_eq!(latency["count"], samples.len(), "{args:?}");
        for (name, ns) in [
            ("max_us", samples.max()),
            ("min_us", samples.min()),
            ("p90_us", samples.value_at_quantile(0.9)),
        ] {
            let us = latency[name].as_f64().unwrap();
            assert!(
                (us - ns as f64 / 1e3).abs() <= us / 1000.0,
                "{name} {us} {ns}"
            );
        }
        // As in the results, to a rounded millisecond.
        assert!(started >= before - Duration::from_millis(1));
        let since_1970 = started.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let text = results["started"].as_str().unwrap();
        let (_, millis) = text.trim_end_matches('Z').split_once('.').unwrap();
        let off = millis
            .parse::<u32>()
            .unwrap()
            .abs_diff(since_1970.subsec_millis());
        assert!([0, 1, 999].contains(&off), "{text}: {started:?}");
        if code != 0 {
            assert!(results["messages"]["unanswered"].as_u64().unwrap() > 0);
        }
    }
}
