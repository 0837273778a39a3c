//! The statistics for Prometheus, over HTTP.
//!
//! One request at a time, each under a deadline and a limit: whoever talks
//! nonsense here, or nothing, delays the next scrape by a second at most, and
//! an echo never.

use std::{
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

use crate::{
    exposition::{self, Exposition},
    registry::Registry,
};

/// Longest time for a request to arrive, and for its answer to be taken.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Largest request, in bytes. A scraper's has a few hundred.
const MAX_REQUEST: usize = 8 * 1024;

/// Pause after accept failed, since it may fail again at once.
const PAUSE: Duration = Duration::from_millis(100);

/// The type of what is said to whoever asks for something else.
const PLAIN: &str = "text/plain; charset=utf-8";

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
                let exposition = Exposition::new(registry);
                while !stop.load(Ordering::Relaxed) {
                    let answered = match self.listener.accept() {
                        Ok((stream, _)) => answer(&stream, &exposition),
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

fn answer(mut stream: &TcpStream, exposition: &Exposition) -> io::Result<()> {
    stream.set_write_timeout(Some(TIMEOUT))?;
    let request = read_head(stream)?;
    let (status, kind, content) = match request.split(|&byte| byte == b' ').collect::<Vec<_>>()[..]
    {
        [b"GET", b"/metrics", ..] => ("200 OK", exposition::TYPE, exposition.text()),
        [b"GET", ..] => ("404 Not Found", PLAIN, "see /metrics\n".to_owned()),
        _ => (
            "400 Bad Request",
            PLAIN,
            "GET /metrics is all there is\n".to_owned(),
        ),
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\
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
