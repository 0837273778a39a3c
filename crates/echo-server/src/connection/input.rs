//! What a connection still reads once its end is decided.

use std::{
    io::{self, Read},
    time::Duration,
};

use super::Connection;

/// How long a read may wait for what has arrived already, some of which can be
/// a part of a record that TLS cannot decrypt yet.
const AT_HAND: Duration = Duration::from_millis(1);

/// A connection's bytes, up to its end: what the peer decides, or, once this
/// side has, what had arrived by then.
///
/// The socket's own way to end reading (`shutdown`) would do, were it not that
/// bytes which come after it and our own end reset the connection (RFC 1122,
/// 4.2.2.13), with all echoes that are still on their way.
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

    /// Reads of what is left, without waiting for more.
    fn read_rest(&mut self, left: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.connection.stream.set_read_timeout(Some(AT_HAND))?;
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
            None => self.read_rest(stream.unread()?, buf),
            Some(left) => self.read_rest(left, buf),
        }
    }
}
