//! The time of a run: nanoseconds since its load began.

use std::time::{Duration, Instant};

/// A clock that began with the load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// A clock whose zero is `start`, when a load was planned to begin.
    pub(crate) const fn since(start: Instant) -> Self {
        Self(start)
    }

    pub(crate) fn now_ns(self) -> u64 {
        self.ns_at(Instant::now())
    }

    /// Zero before the start; enough for 584 years after it.
    pub(crate) fn ns_at(self, instant: Instant) -> u64 {
        nanos(instant.saturating_duration_since(self.0))
    }
}

/// A duration in nanoseconds.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
