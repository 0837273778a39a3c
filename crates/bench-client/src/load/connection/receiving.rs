//! Reading: replies, the end of the stream, and whether the server is alive.

use std::{
    io,
    time::{Duration, Instant},
};

use proto::{Error, HEADER_LEN, Received};
use transport::{Liveness, Stream};

use super::LoadConnection;
use crate::load::failure::Failure;

/// The empty frame, which the server echoes like any other.
const HEARTBEAT: [u8; HEADER_LEN] = [0; HEADER_LEN];

impl LoadConnection<'_> {
    /// Reads once and takes what came. Returns when that was.
    pub(super) fn receive(&mut self, now_ns: u64) -> Result<u64, Failure> {
        if !self.poll.is_zero() {
            self.poll(Duration::MAX)?;
        }
        let mut stream: &Stream = &self.link.stream;
        let batch = match self.reader.read(&mut stream) {
            Ok(Received::Batch(batch)) => batch,
            Ok(Received::Closed) => return Err(self.failure_of_close()),
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::Interrupted => {
                return Ok(now_ns);
            }
            Err(Error::Io(error)) if transport::is_timeout(&error) => {
                return self.check_time(Instant::now());
            }
            Err(error) => return Err(self.failure_of(&error)),
        };
        // One reading of the clock ends these round trips and starts the next.
        let now = Instant::now();
        let now_ns = self.clock.ns_at(now);
        self.replies.tally.reads += 1;
        self.is_split = batch.has_partial();
        if !batch.is_empty() {
            self.heartbeat.heard(now);
        }
        self.replies.take(&batch, now_ns)?;
        self.link.failures.store(self.replies.failures.total());
        if batch.is_empty() {
            return self.check_time(now);
        }
        Ok(now_ns)
    }

    /// Sends a heartbeat if it is time for one, or gives the server up; in the
    /// middle of a message nothing can be sent, and its echo has to do.
    pub(super) fn check_time(&mut self, now: Instant) -> Result<u64, Failure> {
        match self.heartbeat.check(now) {
            Liveness::Ping if self.outbox.is_empty() => {
                let mut stream: &Stream = &self.link.stream;
                self.replies.echoes_due += 1;
                io::Write::write_all(&mut stream, &HEARTBEAT)
                    .map_err(|error| self.failure_of_io(&error))?;
            }
            Liveness::Alive | Liveness::Ping => {}
            Liveness::Dead(_) => return Err(Failure::HeartbeatTimeout),
        }
        Ok(self.clock.ns_at(now))
    }
}
