//! Our server against its peers, alternating, on the same machine: pairs of
//! runs, and the ratio of each pair.
//!
//! `cargo bench -p e2e -- [CASE]... [--pairs N] [--seconds N] [--peer ADDR]`
//!
//! | case | ours | against |
//! | --- | --- | --- |
//! | `raw-10`, `raw-300` | `echo-server --raw` | the raw echo server at `--peer`, both under `bench-client` |
//! | `framed-10`, `framed-300` | `echo-server` | `echo-server --raw`, both under `bench-client` |
//! | `pipelined-16`, `pipelined-128` | `echo-server` | tokio-util's codec forwarding frames; 12 bytes, 10 connections |
//! | `large-64k`, `large-1m` | `echo-server` | the same; 2 connections |
//! | `tls-12`, `tls-64k`, `tls-1m` | `echo-server` over TLS | the same through tokio-rustls, both under `bench-client`; 2 connections |
//! | `client-1`, `client-16` | `bench-client`, 10 connections with 1 or 16 in flight | a bare loop of writes and reads; both against `echo-server` |
//!
//! With `--peer` every case but those over TLS is run against that server
//! instead: for instance one built from an earlier commit.
#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::{
    env, fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use proto::{Wire, Writer, qps};
use testkit::{Process, ServerProcess, run, tokio_peer};

fn main() {
    let mut options = Options::from_args();
    if options.cases == ["serve-tokio"] {
        return tokio_peer::serve(|addr| println!("listening on {addr}"));
    }
    if let [serve, certificate, key] = options.cases.as_slice()
        && serve == "serve-tokio-tls"
    {
        let listening = |addr| println!("listening on {addr}");
        return tokio_peer::serve_tls(Path::new(certificate), Path::new(key), listening);
    }
    if options.cases.is_empty() {
        options.cases = [
            "framed-10",
            "framed-300",
            "pipelined-16",
            "pipelined-128",
            "large-64k",
            "large-1m",
            "tls-64k",
            "tls-1m",
            "client-1",
            "client-16",
        ]
        .map(str::to_owned)
        .to_vec();
    }
    println!("case           ours/s     other/s    ratio of each pair: median (min - max)");
    for case in &options.cases {
        let pairs = match case.strip_prefix("tls-") {
            Some(size) => compare_tls(size, &options),
            None => compare(case, &options),
        };
        print_row(case, &pairs);
    }
}

/// The side without `bench-client`, where the server is the same.
const BARE: bool = true;

struct Options {
    cases: Vec<String>,
    pairs: usize,
    seconds: u64,
    /// Address of another echo server: raw for raw-*, framed for the others.
    peer: Option<String>,
}

impl Options {
    fn from_args() -> Self {
        let mut options = Self {
            cases: Vec::new(),
            pairs: 5,
            seconds: 2,
            peer: None,
        };
        let mut args = env::args().skip(1);
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--bench" => {} // from cargo
                "--pairs" => options.pairs = number(args.next()),
                "--seconds" => options.seconds = number(args.next()) as u64,
                "--peer" => options.peer = args.next(),
                _ => options.cases.push(arg),
            }
        }
        options
    }
}

fn number(arg: Option<String>) -> usize {
    let arg = arg.unwrap_or_default();
    arg.parse()
        .unwrap_or_else(|_| panic!("not a number: {arg:?}"))
}

/// Messages per second of ours and the other, pair by pair.
fn compare(case: &str, options: &Options) -> Vec<(f64, f64)> {
    let time = Duration::from_secs(options.seconds);
    let is_raw = case.starts_with("raw");
    let ours = Side::ours(if is_raw { &["--raw"] } else { &[] });
    let (other, other_is_raw) = match &options.peer {
        Some(peer) => (Side::peer(peer), is_raw),
        None if is_raw => panic!("{case} needs --peer ADDR"),
        None if case.starts_with("framed") => (Side::ours(&["--raw"]), true),
        None if case.starts_with("client") => (Side::peer(&ours.host), BARE),
        None => (Side::tokio(&["serve-tokio"]), false),
    };
    let measure = |side: &Side, raw: bool| match case {
        "raw-300" | "framed-300" => closed_loop(&side.host, wire(raw), 300, 1, options.seconds),
        "client-1" if raw == BARE => batches(side.addr(), 10, 1, 12, time),
        "client-16" if raw == BARE => batches(side.addr(), 10, 16, 12, time),
        "raw-10" | "framed-10" | "client-1" => {
            closed_loop(&side.host, wire(raw), 10, 1, options.seconds)
        }
        "client-16" => closed_loop(&side.host, wire(raw), 10, 16, options.seconds),
        "pipelined-16" => batches(side.addr(), 10, 16, 12, time),
        "pipelined-128" => batches(side.addr(), 10, 128, 12, time),
        "large-64k" => batches(side.addr(), 2, 1, 64 << 10, time),
        "large-1m" => batches(side.addr(), 2, 1, 1 << 20, time),
        _ => panic!("no such case: {case}"),
    };
    in_turn(
        options.pairs,
        || measure(&ours, is_raw),
        || measure(&other, other_is_raw),
    )
}

/// The same over TLS, under `bench-client`.
fn compare_tls(size: &str, options: &Options) -> Vec<(f64, f64)> {
    let dir = tempfile::tempdir().expect("a folder");
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    let file = |name: &str, text: String| -> PathBuf {
        let file = dir.path().join(name);
        fs::write(&file, text).expect("a file");
        file
    };
    let certificate = file("cert.pem", made.cert.pem());
    let key = file("key.pem", made.signing_key.serialize_pem());
    let (certificate, key) = (text(&certificate), text(&key));
    let ours = Side::ours(&["--tls-cert", certificate, "--tls-key", key]);
    let other = Side::tokio(&["serve-tokio-tls", certificate, key]);
    let args = ["--tls", "--tls-ca", certificate, "-s", size];
    let measure = |side: &Side| closed_loop(&side.host, &args, 2, 1, options.seconds);
    in_turn(options.pairs, || measure(&ours), || measure(&other))
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path of text")
}

/// Pairs of measurements. The order alternates, so that drift favours neither.
fn in_turn(pairs: usize, ours: impl Fn() -> f64, other: impl Fn() -> f64) -> Vec<(f64, f64)> {
    (0..pairs)
        .map(|pair| {
            if pair % 2 == 0 {
                let a = ours();
                (a, other())
            } else {
                let b = other();
                (ours(), b)
            }
        })
        .collect()
}

/// A server under load.
struct Side {
    host: String,
    /// Stopped with the comparison, if we started it.
    #[allow(dead_code)]
    server: Option<ServerProcess>,
}

impl Side {
    fn ours(args: &[&str]) -> Self {
        Self::of(ServerProcess::start(args))
    }

    fn tokio(args: &[&str]) -> Self {
        let own = env::current_exe().expect("a program has a path");
        Self::of(ServerProcess::announced_by(Process::start(
            Command::new(own).args(args),
        )))
    }

    fn peer(host: &str) -> Self {
        Self {
            host: host.to_owned(),
            server: None,
        }
    }

    fn of(server: ServerProcess) -> Self {
        Self {
            host: server.host(),
            server: Some(server),
        }
    }

    fn addr(&self) -> SocketAddr {
        self.host.parse().expect("a socket address")
    }
}

fn wire(raw: bool) -> &'static [&'static str] {
    if raw { &["--raw"] } else { &[] }
}

/// The throughput that `bench-client` measures.
fn closed_loop(host: &str, more: &[&str], connections: u32, in_flight: u32, seconds: u64) -> f64 {
    let (connections, in_flight) = (connections.to_string(), in_flight.to_string());
    let duration = format!("{seconds}s");
    let mut args = vec!["-h", host, "-c", &connections, "--pipeline", &in_flight];
    args.extend(["-d", &duration, "--no-noise-floor", "--json", "-"]);
    args.extend(more);
    let output = run("bench-client", &args).expect_code(0);
    let results: serde_json::Value = serde_json::from_str(&output.stdout).expect("JSON");
    let throughput = results["throughput"].as_f64();
    throughput.unwrap_or_else(|| panic!("no throughput in {output}"))
}

/// Sends `in_flight` frames in one write, waits for all of them, and repeats.
fn batches(
    addr: SocketAddr,
    connections: usize,
    in_flight: usize,
    size: usize,
    time: Duration,
) -> f64 {
    let mut writer = Writer::new(Wire::default());
    for _ in 0..in_flight {
        writer
            .add(&vec![b'x'; size])
            .expect("a frame within the limit");
    }
    let lump = writer.as_bytes();
    let start = Instant::now();
    let rounds: u64 = thread::scope(|scope| {
        let threads: Vec<_> = (0..connections)
            .map(|_| {
                scope.spawn(|| {
                    let mut stream = TcpStream::connect(addr).expect("the server listens");
                    stream.set_nodelay(true).expect("a TCP socket");
                    let mut reply = vec![0; lump.len()];
                    let mut rounds = 0;
                    while start.elapsed() < time {
                        stream.write_all(lump).expect("the server reads");
                        stream.read_exact(&mut reply).expect("the server echoes");
                        assert!(reply == lump, "the echo differs");
                        rounds += 1;
                    }
                    rounds
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("no panic"))
            .sum()
    });
    qps::rate(rounds * in_flight as u64, start.elapsed())
}

fn print_row(case: &str, pairs: &[(f64, f64)]) {
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        (
            values[values.len() / 2],
            values[0],
            values[values.len() - 1],
        )
    };
    let (ours, ..) = median(pairs.iter().map(|(ours, _)| *ours).collect());
    let (other, ..) = median(pairs.iter().map(|(_, other)| *other).collect());
    let (ratio, min, max) = median(pairs.iter().map(|(ours, other)| ours / other).collect());
    println!("{case:<14} {ours:<10.0} {other:<10.0} {ratio:.2} ({min:.2} - {max:.2})");
}
