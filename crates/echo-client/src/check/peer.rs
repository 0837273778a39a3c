//! A connection to the server that is checked, and what can be wrong with it.

use std::{
    io::{self, ErrorKind, Read, Write},
    iter,
    net::{Shutdown, TcpStream},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Error, anyhow};
use proto::{Escaped, Foreign};

/// Time between two writes that a server is to see as two reads.
pub(super) const PAUSE: Duration = Duration::from_millis(20);

/// A server that sends a bit now and then has so many timeouts for all of it.
const PATIENCE: u32 = 5;

/// What comes in place of what is due.
const FIN: &str = "FIN";
const RESET: &str = "a reset";
/// The end of what is told of other bytes.
const DUE: &str = " was due";

/// Bytes of a wrong reply that are shown.
const MAX_SHOWN: usize = 12;

/// Whether a server does what a rule expects of it.
pub(super) type CheckResult<T = ()> = Result<T, Fault>;

/// Why it does not.
pub(super) enum Fault {
    /// The server's: what came in place of what was due.
    Server(String),
    /// This host's, which tells nothing about the server.
    Own(Error),
}

impl<S: Into<String>> From<S> for Fault {
    fn from(came: S) -> Self {
        Self::Server(came.into())
    }
}

impl Fault {
    /// Tells where a server's came, too.
    pub(super) fn on(self, place: &str) -> Self {
        match self {
            Self::Server(came) => format!("{place}, {came}").into(),
            own @ Self::Own(_) => own,
        }
    }

    /// A server refuses a connection, or does not answer; all else is this host's.
    pub(super) fn of_connecting(error: &io::Error) -> Self {
        let advice = match error.kind() {
            ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
            | ErrorKind::TimedOut
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable => return format!("no connection: {error}").into(),
            // ENFILE and EMFILE, on every Unix.
            _ if matches!(error.raw_os_error(), Some(23 | 24)) => {
                "; 150 descriptors are enough: ulimit -n 150"
            }
            _ => "",
        };
        Self::Own(anyhow!("this host opens no connection: {error}{advice}"))
    }
}

/// A connection to the server. What fails is told by what came.
pub(super) struct Peer {
    pub(super) stream: TcpStream,
    pub(super) timeout: Duration,
}

impl Peer {
    pub(super) fn new(stream: TcpStream, timeout: Duration) -> Self {
        let _ = stream.set_write_timeout(Some(timeout));
        Self { stream, timeout }
    }

    /// Where that fails, what comes shows why.
    pub(super) fn write(&self, bytes: &[u8]) {
        let _ = (&self.stream).write_all(bytes);
    }

    /// Reads while pieces are written with pauses between, or both sides could wait to
    /// be read.
    pub(super) fn while_writing<T>(
        &self,
        pieces: &[&[u8]],
        read: impl FnOnce() -> CheckResult<T>,
    ) -> CheckResult<T> {
        thread::scope(|scope| {
            let writer = thread::Builder::new().spawn_scoped(scope, || {
                for (i, piece) in pieces.iter().enumerate() {
                    thread::sleep(if i > 0 { PAUSE } else { Duration::ZERO });
                    self.write(piece);
                }
            });
            let advice = "is the limit of processes (ulimit -u) high enough?";
            writer.map_err(|error| Fault::Own(anyhow!("no thread: {error}; {advice}")))?;
            read()
        })
    }

    /// Sends a FIN. A server that is gone shows in what comes.
    pub(super) fn finish(&self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Reads until all that is due has come.
    pub(super) fn expect(&self, due: &[u8]) -> CheckResult {
        let within = self.timeout * PATIENCE;
        match self.expect_within(due, within)? {
            came if came == due.len() => Ok(()),
            came => Err(format!("{came} of {} bytes within {within:?}", due.len()).into()),
        }
    }

    /// Reads what is due, for so long at most, while each part comes in time. Returns
    /// how much came.
    pub(super) fn expect_within(&self, due: &[u8], within: Duration) -> CheckResult<usize> {
        let last = Instant::now() + within;
        let mut rest = due;
        while !rest.is_empty() && Instant::now() < last {
            let read = self.advance(&mut rest, self.timeout);
            read.map_err(|then| match due.len() - rest.len() {
                0 => then,
                came => format!("{came} of {} bytes, then {then}", due.len()),
            })?;
        }
        Ok(due.len() - rest.len())
    }

    /// Expects that nothing follows at once.
    pub(super) fn expect_no_more(&self) -> CheckResult {
        match self.advance(&mut &[][..], PAUSE) {
            Err(then) if then.ends_with(DUE) => Err(format!("all of it, then {then}").into()),
            _ => Ok(()),
        }
    }

    /// Waits for the end of the connection, before which only the beginning of
    /// some bytes may come. Whether it is a FIN, and not a reset.
    pub(super) fn end(&self, within: Duration, mut may_come: &[u8]) -> CheckResult<bool> {
        loop {
            match self.advance(&mut may_come, within) {
                Ok(()) => {}
                Err(then) if then == FIN || then == RESET => return Ok(then == FIN),
                Err(then) => return Err(format!("instead of a close, {then}").into()),
            }
        }
    }

    /// Takes what one read brings off what is due. All else that comes is an error, FIN
    /// as well.
    fn advance(&self, due: &mut &[u8], within: Duration) -> Result<(), String> {
        // Zero would mean no timeout at all.
        let within = within.max(Duration::from_millis(1));
        let mut buf = [0; 16 * 1024];
        let set = self.stream.set_read_timeout(Some(within));
        let read = match set.and_then(|()| (&self.stream).read(&mut buf)) {
            Ok(0) => return Err(FIN.to_owned()),
            Ok(len) => &buf[..len],
            Err(error) => match error.kind() {
                ErrorKind::Interrupted => return Ok(()),
                ErrorKind::ConnectionReset => return Err(RESET.to_owned()),
                _ if transport::is_timeout(&error) => {
                    return Err(format!("nothing within {within:?}"));
                }
                _ => return Err(error.to_string()),
            },
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
        let (came, due) = (shown(&read[same..]), shown(due));
        Err(format!("{came} where {due}{DUE}{speaks}"))
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
        let fault = |errno| Fault::of_connecting(&io::Error::from_raw_os_error(errno));
        // ECONNREFUSED, ECONNRESET, ETIMEDOUT, EHOSTUNREACH, ENETUNREACH.
        for errno in [111, 104, 110, 113, 101] {
            assert!(matches!(fault(errno), Fault::Server(_)), "{errno}");
        }
        // ENFILE, EMFILE, EADDRNOTAVAIL, ENOMEM, ENOBUFS, EPERM.
        for (errno, advice) in [
            (23, "ulimit -n 150"),
            (24, "ulimit -n 150"),
            (99, ""),
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
