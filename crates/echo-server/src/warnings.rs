//! Warnings about peers: at most one per second for each reason, so that
//! misbehaving peers cannot fill the log.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::{close::CloseReason, units::connections};

/// Minimum time between two warnings of a kind.
const INTERVAL: Duration = Duration::from_secs(1);

/// Warnings of one kind.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Throttle {
    last: Option<Instant>,
    held_back: u64,
}

impl Throttle {
    /// How many warnings were held back before this one; `None` if this one is
    /// held back too.
    pub(crate) fn admit(&mut self, now: Instant) -> Option<u64> {
        if self.is_due(now) {
            self.last = Some(now);
            return Some(std::mem::take(&mut self.held_back));
        }
        self.held_back += 1;
        None
    }

    fn is_due(&self, now: Instant) -> bool {
        let is_over = |last| now.saturating_duration_since(last) >= INTERVAL;
        self.last.is_none_or(is_over)
    }
}

/// Warnings about closed connections, by reason.
#[derive(Debug, Default)]
pub(crate) struct Warnings(Mutex<[Throttle; CloseReason::ALL.len()]>);

impl Warnings {
    /// Logs why a connection is closed. `-v` shows the warnings held back.
    pub(crate) fn warn(&self, reason: CloseReason, why: fmt::Arguments<'_>) {
        let admitted = match self.lock().get_mut(reason as usize) {
            Some(throttle) => throttle.admit(Instant::now()),
            None => Some(0),
        };
        match admitted {
            Some(0) => tracing::warn!("{why}"),
            Some(more) => tracing::warn!("{why}; {more} more before: {reason}"),
            None => tracing::debug!("{why}"),
        }
    }

    /// Logs how many warnings were held back, for each reason that is due. Returns
    /// whether others are not due yet.
    pub(crate) fn flush(&self, now: Instant) -> bool {
        let mut due = Vec::new();
        let mut has_more = false;
        for (throttle, &reason) in self.lock().iter_mut().zip(CloseReason::ALL) {
            if throttle.held_back == 0 {
                continue;
            }
            if throttle.is_due(now) {
                due.push((std::mem::take(&mut throttle.held_back), reason));
                throttle.last = Some(now);
            } else {
                has_more = true;
            }
        }
        for (more, reason) in due {
            let more = connections(more);
            tracing::warn!("also closed {more}: {reason}; -v shows each");
        }
        has_more
    }

    /// [`flush`](Self::flush) for all reasons, when the server stops.
    pub(crate) fn flush_all(&self) {
        if let Some(later) = Instant::now().checked_add(INTERVAL) {
            self.flush(later);
        }
    }

    /// A panic leaves no partial update, so a poisoned lock is usable.
    fn lock(&self) -> MutexGuard<'_, [Throttle; CloseReason::ALL.len()]> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_per_second_counts_those_held_back() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut throttle = Throttle::default();
        assert_eq!(throttle.admit(at(0)), Some(0));
        assert_eq!(throttle.admit(at(1)), None);
        assert_eq!(throttle.admit(at(999)), None);
        assert_eq!(throttle.admit(at(1000)), Some(2));
        assert_eq!(throttle.admit(at(1001)), None);
        assert_eq!(throttle.admit(at(5000)), Some(1));
    }

    #[test]
    fn each_reason_is_throttled_and_counted_alone() {
        let warnings = Warnings::default();
        for reason in [CloseReason::Idle, CloseReason::Limit, CloseReason::Limit] {
            warnings.warn(reason, format_args!("closing"));
        }
        let held_back = |reason| {
            let throttles = warnings.lock();
            throttles.get(reason as usize).map(|kind| kind.held_back)
        };
        assert_eq!(held_back(CloseReason::Idle), Some(0));
        assert_eq!(held_back(CloseReason::Limit), Some(1));
        let now = Instant::now();
        assert!(warnings.flush(now), "too early");
        assert!(!warnings.flush(now + INTERVAL));
        assert_eq!(held_back(CloseReason::Limit), Some(0));
    }
}
