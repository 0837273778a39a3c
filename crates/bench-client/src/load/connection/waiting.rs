//! Waiting: for a reply, for room to send, for the time of the next message.

use std::{
    thread,
    time::{Duration, Instant},
};

use transport::Ready;

use super::LoadConnection;
use crate::load::failure::Failure;

/// Longest sleep before it is checked whether the run was interrupted.
const LONGEST_SLEEP: Duration = Duration::from_millis(50);

impl LoadConnection<'_> {
    /// The send buffer is full: waits for room, or reads, since the server may
    /// wait for that.
    pub(super) fn wait_for_room(&mut self, now_ns: u64) -> Result<u64, Failure> {
        match self.wait(true, self.patience)? {
            Ready::Read => self.receive(now_ns),
            Ready::Write => Ok(self.clock.now_ns()),
            Ready::Neither => self.check_time(Instant::now()),
        }
    }

    /// Reads until the next message is due. The last stretch is spent reading
    /// the clock again and again: a sleeping thread wakes up late.
    pub(super) fn wait_until(&mut self, due_ns: u64, now_ns: u64) -> Result<u64, Failure> {
        let left = Duration::from_nanos(due_ns.saturating_sub(now_ns));
        let sleep = left.saturating_sub(self.spin);
        if !sleep.is_zero() {
            let sleep = sleep.min(self.patience).min(LONGEST_SLEEP);
            return match self.wait(false, sleep)? {
                Ready::Read => self.receive(now_ns),
                Ready::Write | Ready::Neither => self.check_time(Instant::now()),
            };
        }
        let mut now_ns = now_ns;
        while now_ns < due_ns {
            if self.wait(false, Duration::ZERO)? == Ready::Read {
                return self.receive(now_ns);
            }
            // Others may be late for theirs.
            thread::yield_now();
            now_ns = self.clock.now_ns();
        }
        Ok(now_ns)
    }

    fn wait(&self, for_room: bool, timeout: Duration) -> Result<Ready, Failure> {
        let spins = !self.poll.is_zero() && !timeout.is_zero() && self.replies.in_flight() > 0;
        let mut left = timeout;
        if spins {
            if self.poll(timeout)? {
                return Ok(Ready::Read);
            }
            left = timeout.saturating_sub(self.poll);
        }
        let ready = self.link.stream.wait(for_room, left);
        ready.map_err(|error| self.failure_of_io(&error))
    }

    /// Polls for something to read, for `most` at most; returns whether there is.
    pub(super) fn poll(&self, most: Duration) -> Result<bool, Failure> {
        let found = self.link.stream.spin(self.poll.min(most));
        found.map_err(|error| self.failure_of_io(&error))
    }
}
