//! The server that is checked, and one connection to it.

use std::{
    io::{self, Read, Write},
    iter,
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use proto::Escaped;
use transport::{Dialer, Stream};

use super::CheckArgs;

/// Time between two writes that a server is to see as two reads.
pub(super) const PAUSE: Duration = Duration::from_millis(20);

/// Bytes of a wrong reply that are shown.
const SHOWN: usize = 12;

/// The server that is checked.
pub(super) struct CheckedServer {
    pub(super) dialer: Dialer,
    pub(super) is_raw: bool,
    /// Maximum wait for all that is due at a time.
    pub(super) timeout: Duration,
    /// Longest message to send, in bytes.
    pub(super) max_frame: usize,
}

impl From<&CheckArgs> for CheckedServer {
    fn from(args: &CheckArgs) -> Self {
        let mut dialer = Dialer::new(&args.host);
        dialer.timeout = args.timeout;
        Self {
            dialer,
            is_raw: args.raw,
            timeout: args.timeout,
            max_frame: args.max_frame.get() as usize,
        }
    }
}

impl CheckedServer {
    /// A message as it is on the wire.
    pub(super) fn message(&self, payload: &[u8]) -> Vec<u8> {
        if self.is_raw {
            return payload.to_vec();
        }
        let len = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        [&len.to_be_bytes(), payload].concat()
    }

    /// That many messages of one length, no two of which are the same.
    pub(super) fn numbered(&self, count: usize) -> Vec<u8> {
        let messages = (0..count).map(|i| self.message(format!("message {i:03}").as_bytes()));
        messages.flatten().collect()
    }

    pub(super) fn dial(&self) -> Result<Peer, String> {
        let timeout = self.timeout;
        match self.dialer.dial() {
            Ok(Stream::Plain(stream)) => Ok(Peer { stream, timeout }),
            Ok(Stream::Tls(_)) => Err("TLS, which was not requested".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Sends pieces on a new connection, with pauses between, and expects all of
    /// them back.
    pub(super) fn exchange(&self, pieces: &[&[u8]], pause: Duration) -> Result<(), String> {
        let peer = self.dial()?;
        thread::scope(|scope| {
            // Read meanwhile, or both sides could wait to be read.
            let write = || peer.write(pieces, pause);
            let writer = thread::Builder::new().spawn_scoped(scope, write);
            writer.map_err(|error| format!("no thread: {error}"))?;
            // The pauses are not the server's.
            let pauses = pause * u32::try_from(pieces.len()).unwrap_or(u32::MAX);
            peer.expect_within(self.timeout + pauses, &pieces.concat())
        })
    }

    /// Whether another client is served.
    pub(super) fn still_serves(&self) -> Result<(), String> {
        let served = self.exchange(&[&self.message(b"the next client")], Duration::ZERO);
        served.map_err(|came| format!("to the next client, {came}"))
    }
}

/// A connection to the server. What fails is told by what came.
pub(super) struct Peer {
    pub(super) stream: TcpStream,
    timeout: Duration,
}

impl Peer {
    /// Writes pieces with a pause between. Where that fails, what comes shows why.
    pub(super) fn write(&self, pieces: &[&[u8]], pause: Duration) {
        let mut stream = &self.stream;
        let _ = stream.set_write_timeout(Some(self.timeout));
        for piece in pieces {
            if stream.write_all(piece).is_err() {
                return;
            }
            thread::sleep(pause);
        }
    }

    /// Reads until all that is due has come.
    pub(super) fn expect(&self, due: &[u8]) -> Result<(), String> {
        self.expect_within(self.timeout, due)
    }

    fn expect_within(&self, time: Duration, due: &[u8]) -> Result<(), String> {
        let deadline = Instant::now() + time;
        let mut buf = [0; 16 * 1024];
        let mut rest = due;
        while !rest.is_empty() {
            let then = match self.read(&mut buf, deadline) {
                Ok([]) => "FIN".to_owned(),
                Ok(read) => {
                    if let Some(left) = rest.strip_prefix(read) {
                        rest = left;
                        continue;
                    }
                    let same = iter::zip(rest, read).take_while(|(due, read)| due == read);
                    let same = same.count();
                    rest = &rest[same..];
                    format!("{} where {} was due", shown(&read[same..]), shown(rest))
                }
                Err(error) => self.told(&error),
            };
            return Err(match due.len() - rest.len() {
                0 => then,
                came => format!("{came} of {} bytes, then {then}", due.len()),
            });
        }
        Ok(())
    }

    /// Waits for the end of the connection, before which nothing may come.
    /// Whether it is a FIN, and not a reset.
    pub(super) fn end(&self, within: Duration) -> Result<bool, String> {
        match self.read(&mut [0; 64], Instant::now() + within) {
            Ok([]) => Ok(true),
            Ok(read) => Err(format!("{} where nothing was due", shown(read))),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(false),
            Err(error) => Err(format!("{} and no close", self.told(&error))),
        }
    }

    fn read<'b>(&self, buf: &'b mut [u8], deadline: Instant) -> io::Result<&'b [u8]> {
        let left = deadline.saturating_duration_since(Instant::now());
        // Zero would mean no timeout at all.
        let left = left.max(Duration::from_millis(1));
        self.stream.set_read_timeout(Some(left))?;
        let read = loop {
            match (&self.stream).read(buf) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        Ok(&buf[..read])
    }

    fn told(&self, error: &io::Error) -> String {
        match error.kind() {
            io::ErrorKind::ConnectionReset => "a reset".to_owned(),
            _ if transport::is_timeout(error) => format!("nothing within {:?}", self.timeout),
            _ => error.to_string(),
        }
    }
}

/// The beginning of a peer's bytes.
fn shown(bytes: &[u8]) -> String {
    match bytes.get(..SHOWN) {
        Some(bytes) => format!("\"{}...\"", Escaped(bytes)),
        None if bytes.is_empty() => "nothing".to_owned(),
        None => format!("\"{}\"", Escaped(bytes)),
    }
}
