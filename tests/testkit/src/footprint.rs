//! The threads and descriptors of a server: a fault must not leak any.

use std::{
    fmt, fs,
    time::{Duration, Instant},
};

use crate::{ServerProcess, wait_until};

/// Threads and descriptors of a process, from `/proc/PID` (proc(5)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footprint {
    /// Threads.
    pub threads: usize,
    /// Open files and sockets.
    pub descriptors: usize,
}

impl Footprint {
    /// The footprint of an idle server. One connection is made first: what the
    /// first thread of a process allocates is not a leak.
    pub fn at_rest(server: &mut ServerProcess) -> Self {
        crate::wire::assert_serves(server.addr());
        let id = server.process().id();
        // Acceptor, signals, log, watchdog and reporter.
        wait_until("five threads", || Self::of(id).threads == 5);
        Self::of(id)
    }

    /// The current footprint.
    pub fn of(id: u32) -> Self {
        let count = |what| fs::read_dir(format!("/proc/{id}/{what}")).unwrap().count();
        Self {
            threads: count("task"),
            descriptors: count("fd"),
        }
    }

    /// Waits until the server is back to this footprint after some event.
    #[track_caller]
    pub fn wait_until_back(self, server: &mut ServerProcess, after: &dyn fmt::Display) {
        self.assert_back(server, crate::DEADLINE, after);
    }

    /// The same, within a given time.
    #[track_caller]
    pub fn assert_back(
        self,
        server: &mut ServerProcess,
        within: Duration,
        after: &dyn fmt::Display,
    ) {
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
