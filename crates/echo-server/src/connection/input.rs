//! A connection's input, up to its end.

use std::{
    io::{self, Read},
    time::Duration,
};

use super::{Connection, Phase};

/// How long a read may wait for data that has arrived already, which can
/// include a partial TLS record that cannot be decrypted yet.
const REST_TIMEOUT: Duration = Duration::from_millis(1);

/// A connection's input, up to its end: the peer's close or, once this side has
/// decided to end, the last byte that had arrived by then.
///
/// `shutdown` of the reading side would do, but bytes that arrive after it and
/// after our FIN reset the connection (RFC 1122, 4.2.2.13), and the reset
/// discards all echoes in flight.
pub(crate) struct ConnectionInput<'a> {
    connection: &'a Connection,
    /// Bytes left to read, once the end is decided.
    left: Option<u64>,
}

impl<'a> ConnectionInput<'a> {
    pub(crate) const fn new(connection: &'a Connection) -> Self {
        Self {
            connection,
            left: None,
        }
    }

    /// Reads from the rest, without waiting for more.
    fn read_rest(&mut self, left: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.connection
            .stream
            .set_read_timeout(Some(REST_TIMEOUT))?;
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(buf.len());
        let buf = buf.get_mut(..most).unwrap_or_default();
        let n = match (&self.connection.stream).read(buf) {
            Err(error) if transport::is_timeout(&error) => 0,
            other => other?,
        };
        self.left = Some(if n == 0 {
            0
        } else {
            left.saturating_sub(n as u64)
        });
        Ok(n)
    }
}

impl Read for ConnectionInput<'_> {
    #[inline]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let stream = &self.connection.stream;
        match self.left {
            None if self.connection.outcome().is_none() => (&*stream).read(buf),
            None => {
                self.connection.enter(Phase::Closing);
                self.read_rest(stream.unread()?, buf)
            }
            Some(left) => self.read_rest(left, buf),
        }
    }
}
