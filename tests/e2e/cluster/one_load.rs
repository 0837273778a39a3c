//! Whether what several ranks sent is one load, by a server that notes when each
//! message came.

#![allow(clippy::print_stdout)] // a measurement is to be read

use std::{
    fs,
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener},
    path::Path,
    process::Command,
    sync::{Arc, Mutex},
    thread,
    time::Instant,
};

use serde_json::Value;
use testkit::{Process, ProcessOutput, program};

use crate::bench::samples;

pub(super) const RANKS: u64 = 6;
const RATE: f64 = 600.0;
const DURATION_S: f64 = 4.0;

/// Two connections for each rank.
pub(super) const LOAD: [&str; 6] = ["-c", "12", "-r", "600", "-d", "4s"];

/// An echo server that keeps when each message came, and of which connection.
struct TimedEcho {
    addr: SocketAddr,
    arrivals: Arc<Mutex<Vec<(Instant, u64)>>>,
}

impl TimedEcho {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let arrivals = Arc::default();
        let server = Self {
            addr,
            arrivals: Arc::clone(&arrivals),
        };
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, arrivals) = (stream.unwrap(), Arc::clone(&arrivals));
                thread::spawn(move || -> io::Result<()> {
                    let mut frame = [0; 16];
                    loop {
                        stream.read_exact(&mut frame)?;
                        let now = Instant::now();
                        stream.write_all(&frame)?;
                        // A payload begins with the number of its connection.
                        let number = frame[4..7].iter().fold(0, |n, &b| n << 8 | u64::from(b));
                        arrivals.lock().unwrap().push((now, number));
                    }
                });
            }
        });
        server
    }
}

/// How often timing is tried: a machine that others keep busy holds up one load, and
/// seldom three.
const ATTEMPTS: usize = 3;

/// Launches ranks against a server; `launch` gets its address and the folder of the
/// results, and returns what was said. Checks that all ranks made one load: what is
/// exact each time, and what is timing until it is met.
pub(super) fn check(launch: impl Fn(&str, &Path) -> Command) {
    for attempt in 1..=ATTEMPTS {
        match check_once(&launch) {
            Ok(()) => return,
            Err(timing) => println!("attempt {attempt} of {ATTEMPTS}: {timing}"),
        }
    }
    panic!("no load was on time");
}

fn check_once(launch: impl Fn(&str, &Path) -> Command) -> Result<(), String> {
    let server = TimedEcho::start();
    let folder = tempfile::tempdir().unwrap();
    let results = folder.path().join("results");
    let mut command = launch(&server.addr.to_string(), &results);
    command
        .current_dir(folder.path())
        .env("BENCH_CLIENT", program("bench-client"))
        .env("RESULTS", &results)
        .env("LEAD", "6");
    let output = Process::start(&mut command).wait().expect_code(0);
    let mut arrivals = server.arrivals.lock().unwrap().clone();
    arrivals.sort_unstable();
    let merged = merge(&results, &output);
    assert_eq!(arrivals.len() as u64, merged["messages"]["sent"]);
    assert_eq!(merged["messages"]["sent"], merged["messages"]["replies"]);
    check_throughput(&merged, arrivals.len()).and_then(|()| check_schedule(&arrivals))
}

/// Merges the results, which have all samples of the ranks, bucket by bucket.
fn merge(results: &Path, output: &ProcessOutput) -> Value {
    let paths: Vec<_> = (0..RANKS)
        .map(|rank| results.join(format!("{rank}.json")))
        .collect();
    let json = results.join("merged");
    let mut merge = Command::new(program("bench-client"));
    merge.arg("merge").args(&paths).arg("--json").arg(&json);
    let summary = Process::start(&mut merge).wait().expect_code(0);
    println!("{}", summary.stdout);
    let read = |path: &Path| -> Value { serde_json::from_slice(&fs::read(path).unwrap()).unwrap() };
    let merged = read(&json);
    let mut union = samples(&read(&paths[0]), "latency");
    for path in &paths[1..] {
        union.add(samples(&read(path), "latency")).unwrap();
    }
    assert!(samples(&merged, "latency") == union, "{output}");
    assert!(results.join("report.html").is_file(), "{output}");
    merged
}

/// The server's own count over the time that was requested.
fn check_throughput(merged: &Value, arrived: usize) -> Result<(), String> {
    let counted = arrived as f64 / DURATION_S;
    let throughput = merged["throughput"].as_f64().unwrap();
    let said = format!("throughput {throughput}, by the server {counted}");
    println!("{said}");
    let is_met = (throughput / counted - 1.0).abs() < 0.01;
    is_met.then_some(()).ok_or(said)
}

/// Messages come evenly spaced, and from all ranks by turns.
fn check_schedule(arrivals: &[(Instant, u64)]) -> Result<(), String> {
    let mut gaps: Vec<f64> = arrivals
        .windows(2)
        .map(|pair| (pair[1].0 - pair[0].0).as_secs_f64() * RATE)
        .collect();
    gaps.sort_by(f64::total_cmp);
    let gap = |share: usize| gaps[(gaps.len() - 1) * share / 100];
    let turns = arrivals
        .windows(2)
        .filter(|pair| (pair[0].1 + 1) % RANKS == pair[1].1 % RANKS);
    let turns = 100 * turns.count() / gaps.len();
    let quantiles: Vec<_> = [1, 10, 25, 50, 75, 90, 99]
        .iter()
        .map(|&share| format!("p{share} {:.2}", gap(share)))
        .collect();
    let quantiles = quantiles.join(", ");
    let said = format!("gaps in units of 1/rate: {quantiles}; {turns} % come from the next rank");
    println!("{said}");
    let is_met = (0.8..1.2).contains(&gap(50)) && turns > 80;
    is_met.then_some(()).ok_or(said)
}
