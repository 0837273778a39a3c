//! Runs of `bench-client` and their results.

use std::process::Command;

use serde_json::Value;

use crate::{Process, ProcessOutput, program};

/// A run of `bench-client` and its results.
pub struct MeasuredRun {
    /// Its complete output.
    pub output: ProcessOutput,
    results: Value,
}

/// Runs `bench-client` with `args`, split at spaces, against `host`. It must
/// exit with `code` and print only its results on stdout.
#[track_caller]
pub fn measure(host: &str, args: &str, code: i32) -> MeasuredRun {
    MeasuredRun::of(start(host, args), code)
}

/// The same with a list of arguments, which includes the server.
#[track_caller]
pub fn measure_with(args: &[&str], code: i32) -> MeasuredRun {
    MeasuredRun::of(start_with(args), code)
}

/// Starts a run.
pub fn start(host: &str, args: &str) -> Process {
    let args: Vec<&str> = args.split_whitespace().collect();
    start_with(&[&["-h", host], &args[..]].concat())
}

fn start_with(args: &[&str]) -> Process {
    let mut bench = Command::new(program("bench-client"));
    bench.args(["--no-noise-floor", "--json", "-"]);
    Process::start(bench.args(args))
}

impl MeasuredRun {
    /// Waits for a started run to exit with `code`.
    #[track_caller]
    pub fn of(process: Process, code: i32) -> Self {
        let output = process.wait().expect_code(code);
        let results = serde_json::from_str(&output.stdout);
        let results = results.unwrap_or_else(|error| panic!("{error} in {output}"));
        Self { output, results }
    }

    /// The value at a JSON pointer.
    #[track_caller]
    pub fn at(&self, pointer: &str) -> &Value {
        let value = self.results.pointer(pointer);
        value.unwrap_or_else(|| panic!("no {pointer} in {}", self.output))
    }

    /// The count at a JSON pointer.
    #[track_caller]
    pub fn count(&self, pointer: &str) -> u64 {
        let count = self.at(pointer).as_u64();
        count.unwrap_or_else(|| panic!("{pointer} is no count in {}", self.output))
    }

    /// The number at a JSON pointer.
    #[track_caller]
    pub fn figure(&self, pointer: &str) -> f64 {
        let figure = self.at(pointer).as_f64();
        figure.unwrap_or_else(|| panic!("{pointer} is no figure in {}", self.output))
    }

    /// The replies on each connection.
    #[track_caller]
    pub fn replies(&self) -> Vec<u64> {
        let replies = self.at("/connections/replies").as_array().unwrap();
        replies.iter().map(|each| each.as_u64().unwrap()).collect()
    }

    /// Latencies in microseconds and causes of the slowest messages, the slowest first.
    #[track_caller]
    pub fn slowest(&self) -> Vec<(f64, String)> {
        let messages = self.at("/slowest").as_array().unwrap();
        let each = messages.iter().map(|message| {
            let cause = message["cause"].as_str().unwrap().to_owned();
            (message["latency_us"].as_f64().unwrap(), cause)
        });
        let slowest: Vec<_> = each.collect();
        assert!(slowest.is_sorted_by(|a, b| a.0 >= b.0), "{slowest:?}");
        slowest
    }

    /// Checks that at least `least` of the slowest messages have these causes.
    #[track_caller]
    pub fn assert_blamed(&self, causes: &[&str], least: usize) {
        let slow = self.slowest();
        let is_one = |(_, cause): &&(f64, String)| causes.contains(&cause.as_str());
        let count = slow.iter().filter(is_one).count();
        assert!(count >= least, "{count} of {slow:?} in {}", self.output);
    }

    /// The notes of the verdict.
    #[track_caller]
    pub fn notes(&self) -> String {
        self.at("/verdict/notes").to_string()
    }
}
