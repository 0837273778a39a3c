//! Queries per second: a counter that other threads can read, and the rate.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// A count of queries with one writing thread and any number of readers.
///
/// With one writer, adding needs no locked instruction; a second writer would
/// lose counts. Relaxed on purpose: it orders no other access.
///
/// # Examples
///
/// ```
/// let queries = proto::qps::Counter::new();
/// queries.add(3);
/// queries.add(4);
/// assert_eq!(queries.total(), 7);
/// ```
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Starts at zero.
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Adds `n` queries. Call it from one thread only: of two concurrent counts
    /// one can be lost.
    #[inline]
    pub fn add(&self, n: u64) {
        let total = self.0.load(Ordering::Relaxed);
        self.0.store(total.wrapping_add(n), Ordering::Relaxed);
    }

    /// Returns all queries so far. Those of an interval are the difference of
    /// two totals.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Queries per second: `count` over the measured time, not the nominal
/// interval. Zero when no time has passed.
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
    fn a_concurrent_reader_sees_the_count_grow() {
        let counter = Counter::new();
        std::thread::scope(|scope| {
            let adder = scope.spawn(|| (0..100_000).for_each(|_| counter.add(2)));
            let mut seen = 0;
            while !adder.is_finished() {
                let total = counter.total();
                assert!(total >= seen && total.is_multiple_of(2));
                seen = total;
            }
        });
        assert_eq!(counter.total(), 200_000);
    }
}
