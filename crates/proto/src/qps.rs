//! Queries per second: a counter that many threads share, and the division.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// A count of queries that one thread adds to and another takes.
///
/// Relaxed on purpose: it counts, it orders nothing.
///
/// # Examples
///
/// ```
/// let queries = proto::qps::Counter::new();
/// queries.add(3);
/// assert_eq!(queries.take(), 3);
/// assert_eq!(queries.take(), 0);
/// ```
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Starts at zero.
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Adds `n` queries.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// Returns the count and starts again at zero, losing nothing in between.
    pub fn take(&self) -> u64 {
        self.0.swap(0, Ordering::Relaxed)
    }
}

/// Queries per second: `count` over the time that was measured, not the time
/// that was asked for. Zero when no time has passed.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// assert_eq!(proto::qps::rate(3000, Duration::from_millis(1500)), 2000.0);
/// ```
#[must_use]
pub fn rate(count: u64, elapsed: Duration) -> f64 {
    if elapsed.is_zero() {
        0.0
    } else {
        count as f64 / elapsed.as_secs_f64()
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_divides_by_measured_time() {
        assert_eq!(rate(3000, Duration::from_millis(1500)), 2000.0);
        assert_eq!(rate(7, Duration::ZERO), 0.0);
    }

    #[test]
    fn nothing_is_lost_between_takes() {
        let counter = Counter::new();
        let taken = std::thread::scope(|scope| {
            let adders: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| (0..10_000).for_each(|_| counter.add(1))))
                .collect();
            let mut taken = 0;
            while !adders
                .iter()
                .all(std::thread::ScopedJoinHandle::is_finished)
            {
                taken += counter.take();
            }
            taken
        });
        assert_eq!(taken + counter.take(), 40_000);
    }
}
