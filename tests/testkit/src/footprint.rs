//! What a server holds while it lives: a fault must leave none of it behind.

use std::{
    fmt, fs,
    time::{Duration, Instant},
};

use crate::{Server, wait_until};

/// Threads and descriptors of a process, from `/proc/PID` (proc(5)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footprint {
    /// Threads.
    pub threads: usize,
    /// Open files and sockets.
    pub descriptors: usize,
}

impl Footprint {
    /// Of a server that serves nobody. One connection is made first: what the
    /// first thread of a process leaves behind is no leak.
    pub fn at_rest(server: &mut Server) -> Self {
        crate::wire::assert_serves(server.addr());
        let id = server.process().id();
        // The acceptor, the signals, the log, the watchdog and the reporter.
        wait_until("five threads", || Self::of(id).threads == 5);
        Self::of(id)
    }

    /// As it is at the moment.
    pub fn of(id: u32) -> Self {
        let count = |what| fs::read_dir(format!("/proc/{id}/{what}")).unwrap().count();
        Self {
            threads: count("task"),
            descriptors: count("fd"),
        }
    }

    /// Waits until the server is back to this after something.
    #[track_caller]
    pub fn wait_until_back(self, server: &mut Server, after: &dyn fmt::Display) {
        self.assert_back(server, crate::DEADLINE, after);
    }

    /// The same, and no later than `within`.
    #[track_caller]
    pub fn assert_back(self, server: &mut Server, within: Duration, after: &dyn fmt::Display) {
        let id = server.process().id();
        let start = Instant::now();
        loop {
            let now = Self::of(id);
            if now == self {
                return;
            }
            assert!(
                start.elapsed() < within,
                "after {after}: {now:?}, not {self:?}, for {within:?}: {}",
                server.process()
            );
        }
    }
}
