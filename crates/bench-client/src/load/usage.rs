//! CPU time at an instant, as the conductor sees it.

use std::time::Duration;

use bench_report::CpuTime;

use crate::machine::{
    self,
    cpu::{self, HostTime},
};

/// CPU time used so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usage {
    process: Option<Duration>,
    /// Of the calling thread.
    thread: Option<Duration>,
    host: Option<HostTime>,
}

impl Usage {
    pub(super) fn now() -> Self {
        Self {
            process: cpu::process_time(),
            thread: cpu::thread_time(),
            host: HostTime::now(),
        }
    }

    /// What was used since `before`.
    pub(super) fn since(&self, before: &Self) -> CpuTime {
        let since = |after: Option<Duration>, before: Option<Duration>| {
            Some(after?.saturating_sub(before?))
        };
        CpuTime {
            cpus: machine::available_cpus(),
            conductor: since(self.thread, before.thread),
            process: since(self.process, before.process),
            machine_utilization: self.host.and_then(|host| host.share_since(&before.host?)),
        }
    }
}
