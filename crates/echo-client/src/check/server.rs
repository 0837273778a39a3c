//! The server that is checked, and one connection to it.

use std::{
    io::{self, ErrorKind, Read, Write},
    iter,
    net::{Shutdown, SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow};
use proto::{Escaped, Foreign};
use transport::{Dialer, Stream};

use super::{
    CheckArgs,
    fault::{Fault, Outcome},
};

/// Time between two writes that a server is to see as two reads.
pub(super) const PAUSE: Duration = Duration::from_millis(20);

/// A server that sends a bit now and then has so many timeouts for all of it.
const PATIENCE: u32 = 5;

/// Bytes of a wrong reply that are shown.
const MAX_SHOWN: usize = 12;

/// The server that is checked.
pub(super) struct CheckedServer {
    dialer: Dialer,
    /// One address, so that all rules are about one server.
    addr: SocketAddr,
    pub(super) is_raw: bool,
    /// Maximum wait for all that is due at a time.
    pub(super) timeout: Duration,
    /// Longest message to send, in bytes.
    pub(super) max_frame: usize,
}

impl CheckedServer {
    /// Connects once: no server is not one that breaks every rule.
    pub(super) fn find(args: &CheckArgs) -> Result<Self> {
        let mut dialer = Dialer::new(&args.host);
        dialer.timeout = args.timeout;
        let [_, addr] = dialer.dial()?.addrs()?;
        Ok(Self {
            dialer,
            addr,
            is_raw: args.raw,
            timeout: args.timeout,
            max_frame: args.max_frame.get() as usize,
        })
    }

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

    pub(super) fn dial(&self) -> Outcome<Peer> {
        let timeout = self.timeout;
        match self.dialer.dial_addr(&self.addr, &|| true) {
            Ok(Stream::Plain(stream)) => Ok(Peer { stream, timeout }),
            Ok(Stream::Tls(_)) => Err("TLS, which was not requested".into()),
            Err(error) => Err(no_connection(&error)),
        }
    }

    /// Sends pieces on a new connection, with pauses between, and expects all of
    /// them back.
    pub(super) fn exchange(&self, pieces: &[&[u8]]) -> Outcome<Peer> {
        let mut peer = self.dial()?;
        // The pauses are not the server's.
        peer.timeout += PAUSE * u32::try_from(pieces.len().saturating_sub(1)).unwrap_or(u32::MAX);
        thread::scope(|scope| {
            // Read meanwhile, or both sides could wait to be read.
            let writer = thread::Builder::new().spawn_scoped(scope, || peer.write(pieces));
            let advice = "is the limit of processes (ulimit -u) high enough?";
            writer.map_err(|error| Fault::Own(anyhow!("no thread: {error}; {advice}")))?;
            peer.expect(&pieces.concat())
        })?;
        Ok(peer)
    }

    /// Whether another client is served.
    pub(super) fn still_serves(&self) -> Outcome {
        let served = self.exchange(&[&self.message(b"the next client")]);
        served
            .map(drop)
            .map_err(|fault| fault.on("to the next client"))
    }
}

/// A server refuses a connection, or does not answer; all else is this host's.
fn no_connection(error: &io::Error) -> Fault {
    let advice = match error.kind() {
        ErrorKind::ConnectionRefused
        | ErrorKind::ConnectionReset
        | ErrorKind::TimedOut
        | ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable => return format!("no connection: {error}").into(),
        ErrorKind::AddrNotAvailable => {
            "; no local port is free: wait a minute, or widen net.ipv4.ip_local_port_range"
        }
        // ENFILE and EMFILE, on every Unix.
        _ if matches!(error.raw_os_error(), Some(23 | 24)) => {
            "; 150 descriptors are enough: ulimit -n 150"
        }
        _ => "",
    };
    Fault::Own(anyhow!("this host opens no connection: {error}{advice}"))
}

/// A connection to the server. What fails is told by what came.
pub(super) struct Peer {
    pub(super) stream: TcpStream,
    timeout: Duration,
}

impl Peer {
    /// Writes pieces with pauses between. Where that fails, what comes shows why.
    pub(super) fn write(&self, pieces: &[&[u8]]) {
        let mut stream = &self.stream;
        let _ = stream.set_write_timeout(Some(self.timeout));
        for (i, piece) in pieces.iter().enumerate() {
            if i > 0 {
                thread::sleep(PAUSE);
            }
            if stream.write_all(piece).is_err() {
                return;
            }
        }
    }

    /// Sends a FIN. A server that is gone shows in what comes.
    pub(super) fn finish(&self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Reads until all that is due has come.
    pub(super) fn expect(&self, due: &[u8]) -> Outcome {
        let within = self.timeout * PATIENCE;
        match self.expect_within(due, within)? {
            came if came == due.len() => Ok(()),
            came => Err(format!("{came} of {} bytes within {within:?}", due.len()).into()),
        }
    }

    /// Reads what is due, for so long at most, while each part comes in time. Returns
    /// how much came.
    pub(super) fn expect_within(&self, due: &[u8], within: Duration) -> Outcome<usize> {
        let last = Instant::now() + within;
        let mut rest = due;
        while !rest.is_empty() && Instant::now() < last {
            self.advance(&mut rest, self.timeout).map_err(|error| {
                let then = self.told(&error);
                match due.len() - rest.len() {
                    0 => then,
                    came => format!("{came} of {} bytes, then {then}", due.len()),
                }
            })?;
        }
        Ok(due.len() - rest.len())
    }

    /// Expects that nothing follows at once.
    pub(super) fn expect_no_more(&self) -> Outcome {
        match self.advance(&mut &[][..], PAUSE) {
            Err(error) if error.kind() == ErrorKind::Other => {
                Err(format!("all of it, then {error}").into())
            }
            _ => Ok(()),
        }
    }

    /// Waits for the end of the connection, before which only the beginning of
    /// some bytes may come. Whether it is a FIN, and not a reset.
    pub(super) fn end(&self, within: Duration, mut may_come: &[u8]) -> Outcome<bool> {
        loop {
            match self.advance(&mut may_come, within) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(true),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(false),
                Err(error) => {
                    return Err(format!("instead of a close, {}", self.told(&error)).into());
                }
            }
        }
    }

    /// Takes what one read brings off what is due. A FIN is an error, and so are
    /// other bytes.
    fn advance(&self, due: &mut &[u8], within: Duration) -> io::Result<()> {
        // Zero would mean no timeout at all.
        let within = within.max(Duration::from_millis(1));
        self.stream.set_read_timeout(Some(within))?;
        let mut buf = [0; 16 * 1024];
        let read = match (&self.stream).read(&mut buf) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(len) => &buf[..len],
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            Err(error) => return Err(error),
        };
        let same = iter::zip(*due, read).take_while(|(due, read)| due == read);
        let same = same.count();
        *due = &due[same..];
        if same == read.len() {
            return Ok(());
        }
        let first = read.first_chunk().filter(|_| !due.is_empty());
        let foreign = first.and_then(|first| Foreign::detect(*first));
        let speaks = foreign.map_or_else(String::new, |foreign| format!("; it speaks {foreign}"));
        let wrong = format!(
            "{} where {} was due{speaks}",
            shown(&read[same..]),
            shown(due)
        );
        Err(io::Error::other(wrong))
    }

    fn told(&self, error: &io::Error) -> String {
        match error.kind() {
            ErrorKind::UnexpectedEof => "FIN".to_owned(),
            ErrorKind::ConnectionReset => "a reset".to_owned(),
            _ if transport::is_timeout(error) => format!("nothing within {:?}", self.timeout),
            _ => error.to_string(),
        }
    }
}

/// The beginning of a peer's bytes.
fn shown(bytes: &[u8]) -> String {
    match bytes.get(..MAX_SHOWN) {
        Some(bytes) => format!("\"{}...\"", Escaped(bytes)),
        None if bytes.is_empty() => "nothing".to_owned(),
        None => format!("\"{}\"", Escaped(bytes)),
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn what_this_host_lacks_is_not_held_against_the_server() {
        let fault = |errno| no_connection(&io::Error::from_raw_os_error(errno));
        // ECONNREFUSED, ECONNRESET, ETIMEDOUT, EHOSTUNREACH, ENETUNREACH.
        for errno in [111, 104, 110, 113, 101] {
            assert!(matches!(fault(errno), Fault::Server(_)), "{errno}");
        }
        // ENFILE, EMFILE, EADDRNOTAVAIL, ENOMEM, ENOBUFS, EPERM.
        for (errno, advice) in [
            (23, "ulimit -n 150"),
            (24, "ulimit -n 150"),
            (99, "ip_local_port_range"),
            (12, ""),
            (105, ""),
            (1, ""),
        ] {
            let found = match fault(errno) {
                Fault::Own(error) => error.to_string(),
                Fault::Server(came) => format!("held against the server: {came}"),
            };
            let begins_so = found.starts_with("this host opens no connection: ");
            assert!(begins_so && found.ends_with(advice), "{found}");
        }
    }
}
