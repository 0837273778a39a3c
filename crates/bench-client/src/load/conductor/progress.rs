//! How far a load is.

use std::time::{Duration, SystemTime};

use super::{SAMPLE_INTERVAL_NS, SECOND_NS, Usage};
use crate::load::Clock;

/// How far a load is that has begun; times are since then.
#[derive(Clone, Copy)]
pub(super) struct Progress {
    pub(super) started: SystemTime,
    pub(super) clock: Clock,
    pub(super) phase: LoadPhase,
    /// When the current second began, and when it ends.
    pub(super) second_ns: u64,
    pub(super) next_second_ns: u64,
    pub(super) next_sample_ns: u64,
    /// CPU time when the measurement began.
    pub(super) usage_before: Option<Usage>,
    /// Signals that had come when sending stopped.
    pub(super) stops: u32,
    /// Whether the last second was shown before all its replies had come.
    pub(super) is_shown: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum LoadPhase {
    Warmup,
    Measuring,
    /// Nothing more is sent; replies are waited for.
    Waiting,
}

impl Progress {
    /// Of a load that begins at `now_ns` by its clock.
    pub(super) fn new(started: SystemTime, clock: Clock, now_ns: u64) -> Self {
        Self {
            started,
            clock,
            phase: LoadPhase::Warmup,
            second_ns: 0,
            next_second_ns: 0,
            next_sample_ns: now_ns + SAMPLE_INTERVAL_NS,
            usage_before: None,
            stops: 0,
            is_shown: false,
        }
    }

    /// Begins the next second at `now_ns`: it ends on a whole one after the
    /// start, or with the warm-up.
    pub(super) fn advance(&mut self, now_ns: u64, from_ns: u64) {
        self.second_ns = now_ns;
        self.next_second_ns = (now_ns / SECOND_NS + 1) * SECOND_NS;
        if now_ns < from_ns {
            self.next_second_ns = self.next_second_ns.min(from_ns);
        }
    }

    /// From the begin of the current second to `now_ns`.
    pub(super) fn since_second(&self, now_ns: u64) -> Duration {
        Duration::from_nanos(now_ns.saturating_sub(self.second_ns))
    }
}
