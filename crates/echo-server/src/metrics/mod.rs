//! Statistics for Prometheus, over HTTP.
//!
//! One thread per connection, for a few connections, under deadlines: a silent
//! or slow one delays no other and is closed to make room for a new one.

mod exposition;
mod request;

use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Weak},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use transport::{SocketOptions, Stream, Waker};

use crate::{Error, registry::Registry};
use exposition::{Exposition, TextFormat};
use request::Refusal;

/// Maximum time for a request to arrive, and for a response to be sent.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Maximum connections at once; a new one replaces the oldest. A scraper uses
/// one, for milliseconds.
const MAX_CONNECTIONS: usize = 8;

/// Pause after a failed accept, which may fail again at once.
const PAUSE: Duration = Duration::from_millis(100);

/// Bytes after a request to read and discard: closing with unread bytes resets
/// the connection, and the response may be lost.
const MAX_SURPLUS: u64 = 64 * 1024;

/// Stack of a connection's thread, in bytes.
const STACK_BYTES: usize = 256 * 1024;

/// A listener for scrapers, served once it is [spawned](Self::spawn).
#[derive(Debug)]
pub(crate) struct Metrics {
    listener: TcpListener,
    waker: Arc<Waker>,
}

/// The thread that accepts scrapers.
pub(crate) struct Running {
    waker: Arc<Waker>,
    thread: JoinHandle<()>,
}

impl Metrics {
    pub(crate) fn bind(addr: &str) -> Result<Self, Error> {
        let listener = transport::listen(addr, SocketOptions::default()).map_err(Error::Metrics)?;
        let local_addr = listener
            .set_nonblocking(true)
            .and_then(|()| listener.local_addr())
            .map_err(Error::system("set up the listener for metrics"))?;
        tracing::info!("metrics on http://{local_addr}/metrics");
        if !local_addr.ip().to_canonical().is_loopback() {
            tracing::warn!("{local_addr} is not loopback: anyone who can reach it can read it");
        }
        let waker = Waker::new().map_err(Error::system("make a pipe for metrics"))?;
        Ok(Self {
            listener,
            waker: Arc::new(waker),
        })
    }

    pub(crate) fn spawn(self, registry: Arc<Registry>) -> Result<Running, Error> {
        let waker = Arc::clone(&self.waker);
        let thread = thread::Builder::new()
            .name("metrics".to_owned())
            .spawn(move || self.serve(registry))
            .map_err(Error::system("start the metrics thread"))?;
        Ok(Running { waker, thread })
    }

    fn serve(&self, registry: Arc<Registry>) {
        let exposition = Arc::new(Exposition::new(registry));
        let mut scrapers = Scrapers::default();
        while !self.waker.is_woken() {
            let accepted = self
                .waker
                .wait_for(&self.listener)
                .and_then(|()| self.listener.accept());
            match accepted {
                Ok((socket, peer)) => scrapers.add(socket, peer, &exposition),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => {
                    tracing::debug!("metrics: {error}");
                    thread::sleep(PAUSE);
                }
            }
        }
    }
}

impl Running {
    /// Ends all its connections and waits for their threads.
    pub(crate) fn stop(self) {
        self.waker.wake();
        // A panic there has been printed.
        let _ = self.thread.join();
    }
}

/// Scrapers being served, the oldest first. Dropping one ends its connection.
#[derive(Default)]
struct Scrapers(Vec<Scraper>);

struct Scraper {
    /// The thread owns the stream, and closes it.
    stream: Weak<Stream>,
    /// `None` once it is joined.
    thread: Option<JoinHandle<()>>,
}

impl Scrapers {
    fn add(&mut self, socket: TcpStream, peer: SocketAddr, exposition: &Arc<Exposition>) {
        self.0
            .retain(|one| one.thread.as_ref().is_some_and(|one| !one.is_finished()));
        if self.0.len() >= MAX_CONNECTIONS {
            self.0.remove(0);
        }
        // On some systems accepted sockets inherit non-blocking mode. If this fails,
        // so does the first read.
        let _ = socket.set_nonblocking(false);
        let (stream, exposition) = (Arc::new(Stream::from(socket)), Arc::clone(exposition));
        let shared = Arc::downgrade(&stream);
        let thread = thread::Builder::new()
            .name("scrape".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || {
                if let Err(error) = answer(&stream, &exposition) {
                    tracing::debug!("metrics for {peer}: {error}");
                }
            });
        match thread {
            Ok(thread) => self.0.push(Scraper {
                stream: shared,
                thread: Some(thread),
            }),
            Err(error) => tracing::debug!("no thread for metrics: {error}"),
        }
    }
}

impl Drop for Scraper {
    fn drop(&mut self) {
        if let Some(stream) = self.stream.upgrade() {
            let _ = stream.shutdown(Shutdown::Both);
        }
        if let Some(thread) = self.thread.take() {
            // A panic there has been printed.
            let _ = thread.join();
        }
    }
}

fn answer(mut stream: &Stream, exposition: &Exposition) -> io::Result<()> {
    stream.set_write_timeout(Some(TIMEOUT))?;
    let deadline = Instant::now() + TIMEOUT;
    let (head, wanted) = read_request(stream, deadline)?;
    stream.write_all(&response(&head, wanted, exposition))?;
    let left = deadline.saturating_duration_since(Instant::now());
    stream.linger(MAX_SURPLUS, left);
    Ok(())
}

fn response(head: &[u8], wanted: Result<TextFormat, Refusal>, exposition: &Exposition) -> Vec<u8> {
    let (status, kind, more, content) = match wanted {
        Ok(format) => ("200 OK", format.media_type(), "", exposition.text(format)),
        Err(refusal) => {
            let (status, more, text) = refusal.response();
            (status, "text/plain; charset=utf-8", more, text.to_owned())
        }
    };
    let mut response = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\
         {more}Connection: close\r\n\r\n",
        content.len(),
    );
    if !request::is_head(head) {
        response.push_str(&content);
    }
    response.into_bytes()
}

/// Reads the head of a request; returns it with the requested format or the
/// refusal.
fn read_request(
    stream: &Stream,
    deadline: Instant,
) -> io::Result<(Vec<u8>, Result<TextFormat, Refusal>)> {
    let mut head = Vec::new();
    let mut buf = [0; 1024];
    loop {
        let n = read_by(stream, &mut buf, deadline)?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        head.extend_from_slice(buf.get(..n).unwrap_or_default());
        match request::parse(&head) {
            Ok(None) => {}
            Ok(Some(format)) => return Ok((head, Ok(format))),
            Err(refusal) => return Ok((head, Err(refusal))),
        }
    }
}

/// Reads once, at the latest until `deadline`.
fn read_by(mut stream: &Stream, buf: &mut [u8], deadline: Instant) -> io::Result<usize> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    stream.set_read_timeout(Some(left))?;
    stream.read(buf)
}
