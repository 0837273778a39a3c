//! The accounts for Prometheus: its text format over HTTP.
//!
//! One request at a time, each under a deadline and a limit: whoever talks
//! nonsense here, or nothing, delays the next scrape by a second at most, and
//! an echo never.

use std::{
    fmt::Write as _,
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use transport::SocketOptions;

use crate::registry::{Accounts, Registry};

/// Longest time for a request to arrive, and for its answer to be taken.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Largest request, in bytes. A scraper's has a few hundred.
const MAX_REQUEST: usize = 8 * 1024;

/// Pause after accept failed, since it may fail again at once.
const PAUSE: Duration = Duration::from_millis(100);

/// The type of the text format, by its specification.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A listener for scrapers; they are answered once it is [spawned](Self::spawn).
#[derive(Debug)]
pub(crate) struct Metrics {
    listener: TcpListener,
    local_addr: SocketAddr,
}

/// Ends the thread that answers.
pub(crate) struct Running {
    local_addr: SocketAddr,
    stop: Arc<AtomicBool>,
}

impl Metrics {
    pub(crate) fn bind(addr: &str) -> Result<Self> {
        let listener =
            transport::listen(addr, SocketOptions::default()).context("cannot serve metrics")?;
        let local_addr = listener.local_addr().context("cannot tell the address")?;
        tracing::info!("metrics on http://{local_addr}/metrics");
        if !local_addr.ip().is_loopback() {
            tracing::warn!("{local_addr} is not loopback: anyone who can reach it can read it");
        }
        Ok(Self {
            listener,
            local_addr,
        })
    }

    pub(crate) fn spawn(self, registry: Arc<Registry>) -> Result<Running> {
        let stop = Arc::new(AtomicBool::new(false));
        let running = Running {
            local_addr: self.local_addr,
            stop: Arc::clone(&stop),
        };
        let _detached = thread::Builder::new()
            .name("metrics".to_owned())
            .spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let answered = match self.listener.accept() {
                        Ok((stream, _)) => answer(&stream, &registry),
                        Err(error) => {
                            thread::sleep(PAUSE);
                            Err(error)
                        }
                    };
                    if let Err(error) = answered {
                        tracing::debug!("metrics: {error}");
                    }
                }
            })
            .context("cannot start the metrics thread")?;
        Ok(running)
    }
}

impl Running {
    pub(crate) fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes accept up; the thread closes the listener when it ends.
        let _ = TcpStream::connect_timeout(&self.local_addr, PAUSE);
    }
}

fn answer(mut stream: &TcpStream, registry: &Registry) -> io::Result<()> {
    stream.set_write_timeout(Some(TIMEOUT))?;
    let request = read_head(stream)?;
    let (status, content) = match request.split(|&byte| byte == b' ').collect::<Vec<_>>()[..] {
        [b"GET", b"/metrics", ..] => ("200 OK", text(&registry.accounts())),
        [b"GET", ..] => ("404 Not Found", "see /metrics\n".to_owned()),
        _ => (
            "400 Bad Request",
            "GET /metrics is all there is\n".to_owned(),
        ),
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {TEXT}\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{content}",
        content.len(),
    );
    stream.write_all(answer.as_bytes())
}

/// Reads until the empty line behind the headers and returns the first line.
fn read_head(mut stream: &TcpStream) -> io::Result<Vec<u8>> {
    let deadline = Instant::now() + TIMEOUT;
    let mut head = Vec::new();
    let mut buf = [0; 1024];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        let n = stream.read(&mut buf)?;
        head.extend_from_slice(buf.get(..n).unwrap_or_default());
        // Cut or too large: what is there is answered.
        if n == 0 || head.len() > MAX_REQUEST {
            break;
        }
    }
    let first = head.split(|&byte| byte == b'\r').next();
    Ok(first.unwrap_or_default().to_vec())
}

/// The accounts in the text format.
fn text(accounts: &Accounts) -> String {
    let traffic = &accounts.traffic;
    let mut text = String::new();
    let mut metric = |name: &str, kind: &str, help: &str, value: &dyn std::fmt::Display| {
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "# HELP echo_{name} {help}\n# TYPE echo_{name} {kind}\necho_{name} {value}\n"
        );
    };
    for (name, help, value) in [
        (
            "connections_accepted_total",
            "Connections accepted.",
            accounts.accepted,
        ),
        (
            "frames_total",
            "Frames echoed; of bare bytes, reads.",
            traffic.frames,
        ),
        (
            "bytes_total",
            "Bytes echoed, headers included.",
            traffic.bytes,
        ),
        (
            "payload_bytes_total",
            "Bytes of payload, decompressed.",
            traffic.payload_bytes,
        ),
        (
            "reads_total",
            "Reads that brought something.",
            traffic.reads,
        ),
        (
            "split_reads_total",
            "Reads that ended inside a frame.",
            traffic.split_reads,
        ),
        (
            "writes_total",
            "Writes that took something.",
            traffic.writes,
        ),
    ] {
        metric(name, "counter", help, &value);
    }
    let live = accounts.live;
    metric(
        "connections_live",
        "gauge",
        "Connections that are alive.",
        &live,
    );
    let qps = accounts.qps.round();
    metric(
        "queries_per_second",
        "gauge",
        "Frames in the last second.",
        &qps,
    );
    text.push_str("# HELP echo_connections_closed_total Connections closed, by reason.\n");
    text.push_str("# TYPE echo_connections_closed_total counter\n");
    for (close, count) in accounts.closed.iter() {
        let name = close.name();
        let _ = writeln!(
            text,
            "echo_connections_closed_total{{reason=\"{name}\"}} {count}"
        );
    }
    text
}
