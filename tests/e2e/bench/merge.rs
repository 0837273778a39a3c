//! `bench-client merge`: ranks that went well, and ranks that did not.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, SystemTime},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use hdrhistogram::{Histogram, serialization::Deserializer};
use serde_json::Value;
use testkit::{Process, ProcessOutput, ServerProcess, program, run};

/// A load over three ranks that begins together.
struct Load {
    folder: tempfile::TempDir,
    server: ServerProcess,
    start: f64,
    /// Of all ranks.
    args: &'static str,
}

const RANKS: u64 = 3;

impl Load {
    fn new(args: &'static str) -> Self {
        // It builds the programs, if that is still to be done.
        let server = ServerProcess::start(&[]);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Self {
            folder: tempfile::tempdir().unwrap(),
            server,
            start: now.unwrap().as_secs_f64().floor() + 3.0,
            args,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Waits until so long after the start.
    fn sleep_until(&self, after_s: f64) {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs_f64(self.start + after_s);
        thread::sleep(at.duration_since(SystemTime::now()).unwrap_or_default());
    }

    fn rank(&self, rank: u64, args: &str) -> Process {
        self.rank_by(
            Command::new(program("bench-client")),
            self.start,
            rank,
            args,
        )
    }

    fn rank_by(&self, mut command: Command, start: f64, rank: u64, args: &str) -> Process {
        let json = self.path("rank-{rank}.json");
        command
            .args(["-h", &self.server.host(), "--no-noise-floor", "--json"])
            .arg(json)
            .args(self.args.split(' '))
            .args(["--ranks", &RANKS.to_string(), "--rank", &rank.to_string()])
            .args(["--start-at", &start.to_string()])
            .args(args.split_whitespace());
        Process::start(&mut command)
    }

    fn merge(&self, args: &[&str]) -> ProcessOutput {
        let paths: Vec<String> = fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().path().display().to_string())
            // A rank that was killed leaves a file whose name begins with a dot.
            .filter(|path| path.contains("/rank-"))
            .collect();
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        run("bench-client", &[&["merge"], args, &paths].concat())
    }
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The samples in a file of results.
pub(crate) fn samples(results: &Value, name: &str) -> Histogram<u64> {
    let mut all = Histogram::<u64>::new(3).unwrap();
    for slice in results["slices"].as_array().unwrap() {
        let bytes = STANDARD.decode(slice[name].as_str().unwrap()).unwrap();
        let more: Histogram<u64> = Deserializer::new().deserialize(&mut &bytes[..]).unwrap();
        all.add(more).unwrap();
    }
    all
}

#[test]
fn merged_results_are_the_union_of_the_ranks() {
    let load = Load::new("-c 6 -r 600 -d 2s --warmup 500ms");
    let ranks: Vec<_> = (0..RANKS).map(|rank| load.rank(rank, "")).collect();
    for rank in ranks {
        let _ = rank.wait().expect_code(0);
    }
    let path = |name| load.path(name).display().to_string();
    let (json, hdr, report) = (path("all.json"), path("all.hdr"), path("all.html"));
    let files = ["--json", &json, "--hdr", &hdr, "--report", &report];
    let output = load.merge(&files).expect_code(0);
    assert!(output.stdout.contains("3 of 3, "), "{output}");
    let merged = read(Path::new(&json));
    let ranks = ["0", "1", "2"].map(|n| read(&load.path(&format!("rank-{n}.json"))));
    for name in ["latency", "latency_uncorrected", "schedule_lag"] {
        let mut union = Histogram::<u64>::new(3).unwrap();
        for rank in &ranks {
            union.add(samples(rank, name)).unwrap();
        }
        assert!(samples(&merged, name) == union, "{name}");
        assert_eq!(merged[name]["count"], union.len(), "{name}");
    }
    let sent = ranks
        .iter()
        .map(|rank| rank["messages"]["sent"].as_u64().unwrap());
    assert_eq!(merged["messages"]["sent"], sent.sum::<u64>());
    let throughput = |results: &Value| results["throughput"].as_f64().unwrap();
    let of_ranks: f64 = ranks.iter().map(throughput).sum();
    assert!(
        (throughput(&merged) / of_ranks - 1.0).abs() < 0.01,
        "{of_ranks}"
    );
    assert_eq!(
        merged["connections"]["replies"].as_array().unwrap().len(),
        6
    );
    let page = fs::read_to_string(&report).unwrap();
    assert!(page.contains("<h2>Ranks</h2>"));

    // Merged results can be merged again, and are held to expectations.
    let again = run("bench-client", &["merge", "--json", "-", &json]).expect_code(0);
    let again: Value = serde_json::from_str(&again.stdout).unwrap();
    for part in ["messages", "latency", "ranks", "failures", "verdict"] {
        assert_eq!(again[part], merged[part], "{part}");
    }
    let _ = load.merge(&["--expect", "qps>1M"]).expect_code(3);
}

/// What becomes of three ranks, one of which is not as the others.
#[track_caller]
fn merged_with(other: impl FnOnce(&Load) -> Process, code: i32, expected: &[&str]) {
    let load = Load::new("-c 6 -r 600 -d 4s");
    let ranks = [load.rank(0, ""), load.rank(2, ""), other(&load)];
    for rank in ranks {
        let _ = rank.wait_whatever_it_says();
    }
    let output = load.merge(&[]).expect_code(code);
    // As the summary breaks lines.
    let text: Vec<&str> = output.stdout.split_whitespace().collect();
    let text = text.join(" ");
    assert!(text.contains("SUSPECT"), "{output}");
    for expected in expected {
        assert!(text.contains(expected), "no {expected:?} in {output}");
    }
}

#[test]
fn a_rank_that_was_killed_is_missing() {
    merged_with(
        |load| {
            let mut rank = load.rank(1, "");
            rank.wait_for_stderr("Queries Per Second");
            rank.kill();
            rank
        },
        0,
        &["1 of 3 ranks is missing (rank 1)", "2 of 3, "],
    );
}

/// Two seconds late: it is held up while it opens its connections.
#[test]
#[cfg(unix)]
fn a_rank_that_is_late_is_named() {
    merged_with(
        |load| {
            let mut rank = load.rank(1, "-v");
            rank.wait_for_stderr("connecting to");
            rank.signal("STOP");
            load.sleep_until(2.0);
            rank.signal("CONT");
            let _ = rank.wait_for_stderr("connections were opened late: measuring 2.");
            rank
        },
        0,
        // The median rank may be late, too, if not by seconds.
        &[
            "starts are apart: ",
            "rank 1 ",
            " s after the median rank",
            "all ranks measured together for ",
        ],
    );
}

#[test]
fn a_rank_with_another_start_is_named() {
    merged_with(
        |load| {
            let command = Command::new(program("bench-client"));
            load.rank_by(command, load.start + 2.0, 1, "")
        },
        0,
        &[
            "starts are apart: ",
            "rank 1 ",
            " s after the median rank",
            "all ranks measured together for ",
        ],
    );
}

#[test]
fn a_rank_with_other_arguments_is_named() {
    merged_with(
        |load| load.rank(1, "-s 64"),
        0,
        &["size \"12\" and \"64\"", "rank 1 ("],
    );
}

#[test]
#[cfg(target_os = "linux")]
fn a_rank_with_another_clock_is_named() {
    let Some(mut faketime) = testkit::installed("faketime") else {
        return;
    };
    // What waits would else wait by the clock that is changed.
    faketime.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    faketime.env("DONT_FAKE_MONOTONIC", "1");
    faketime.args(["-f", "-3s"]).arg(program("bench-client"));
    merged_with(
        |load| load.rank_by(faketime, load.start, 1, ""),
        0,
        &["clocks of rank 1 are not known to be synchronised"],
    );
}

#[test]
#[cfg(unix)]
fn a_rank_that_cannot_keep_up_is_named() {
    merged_with(
        |load| {
            let mut rank = load.rank(1, "");
            rank.wait_for_stderr("Queries Per Second");
            rank.signal("STOP");
            thread::sleep(Duration::from_millis(500));
            rank.signal("CONT");
            rank
        },
        0,
        &["SUSPECT on their own: ", "rank 1: "],
    );
}

/// A rank that loses its CPU to others, with a schedule that the other ranks keep with
/// ease: they come first, whatever else this machine does.
#[test]
#[cfg(target_os = "linux")]
fn a_rank_without_a_cpu_is_named() {
    let needed = ["chrt", "taskset"];
    if needed
        .into_iter()
        .any(|name| testkit::installed(name).is_none())
    {
        return;
    }
    if !rustix::process::geteuid().is_root() {
        return testkit::skip("a real-time priority takes root");
    }
    // What the server takes holds back no message.
    let load = Load::new("-c 3 -r 20 -d 5s --pipeline 64");
    let first = |rank| {
        let mut chrt = Command::new("chrt");
        chrt.args(["--fifo", "1"]).arg(program("bench-client"));
        load.rank_by(chrt, load.start, rank, "")
    };
    let mut ranks = [first(0), first(2), first(1)];
    ranks[2].wait_for_stderr("Queries Per Second");
    // From now on it runs when nothing else wants that CPU, which two others do.
    let pid = ranks[2].id().to_string();
    for args in [
        ["chrt", "--all-tasks", "--idle", "--pid", "0", &pid],
        ["taskset", "--all-tasks", "--cpu-list", "--pid", "0", &pid],
    ] {
        let mut command = Command::new(args[0]);
        let _ = Process::start(command.args(&args[1..]))
            .wait()
            .expect_code(0);
    }
    let busy = ["a", "b"].map(|_| {
        let mut busy = Command::new("taskset");
        Process::start(busy.args(["-c", "0", "sh", "-c", "while :; do :; done"]))
    });
    load.sleep_until(4.8);
    drop(busy);
    for rank in ranks {
        let _ = rank.wait_whatever_it_says();
    }
    let output = load.merge(&[]).expect_code(0);
    let text: Vec<&str> = output.stdout.split_whitespace().collect();
    let text = text.join(" ");
    let named = "SUSPECT on their own: 1 of 3 ranks (rank 1: ";
    assert!(text.contains(named), "{output}");
}

#[test]
fn what_is_merged_stays_as_it_is() {
    let load = Load::new("-c 3 -n 30");
    let ranks: Vec<_> = (0..RANKS).map(|rank| load.rank(rank, "")).collect();
    for rank in ranks {
        let _ = rank.wait().expect_code(0);
    }
    let path = load.path("rank-1.json");
    let before = fs::read(&path).unwrap();
    let link = load.path("link");
    for output in [&path, &link] {
        #[cfg(unix)]
        if output == &link {
            std::os::unix::fs::symlink(&path, &link).unwrap();
        }
        for option in ["--json", "--hdr", "--report"] {
            let output = output.display().to_string();
            let output = load.merge(&[option, &output]).expect_code(2);
            let output = output
                .expect_stderr(option)
                .expect_stderr("is to be merged");
            assert_eq!(output.stderr.lines().count(), 1, "{output}");
        }
    }
    assert_eq!(fs::read(&path).unwrap(), before);
    testkit::assert_usage_error("bench-client", &["merge", "-"], "- is not a file");
}
