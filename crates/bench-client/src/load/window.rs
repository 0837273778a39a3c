//! The part of a run that is measured.

use std::sync::atomic::{AtomicU64, Ordering};

/// From the end of the warm-up to the end of the run, in nanoseconds since the
/// load began.
///
/// Every rate is divided by its length, and only replies inside it count for
/// the throughput, whenever their messages were sent: what was in flight when it
/// began makes up for what is in flight when it ends.
#[derive(Debug)]
pub(crate) struct Window {
    /// Set later by a late start.
    start_ns: AtomicU64,
    /// Set later by an interrupt. Relaxed: it orders nothing.
    end_ns: AtomicU64,
}

impl Window {
    /// One that begins at `start_ns`; `end_ns` is the requested end.
    pub(crate) fn new(start_ns: u64, end_ns: Option<u64>) -> Self {
        Self {
            start_ns: AtomicU64::new(start_ns),
            end_ns: AtomicU64::new(end_ns.unwrap_or(u64::MAX)),
        }
    }

    pub(crate) fn start_ns(&self) -> u64 {
        self.start_ns.load(Ordering::Relaxed)
    }

    /// Delays its start to `now_ns`, if that is later than planned. Returns by how
    /// much.
    pub(crate) fn delay(&self, now_ns: u64) -> u64 {
        let late_ns = now_ns.saturating_sub(self.start_ns());
        self.start_ns.fetch_add(late_ns, Ordering::Relaxed);
        let end_ns = self.end_ns().saturating_add(late_ns);
        self.end_ns.store(end_ns, Ordering::Relaxed);
        late_ns
    }

    /// When sending stops; `u64::MAX` while that is not known.
    pub(crate) fn end_ns(&self) -> u64 {
        self.end_ns.load(Ordering::Relaxed)
    }

    /// Ends it at `now_ns`, unless its end came before.
    pub(crate) fn end(&self, now_ns: u64) {
        self.end_ns.fetch_min(now_ns, Ordering::Relaxed);
    }

    /// Whether a message that is meant to be sent at `intended_ns` is in the
    /// figures: those of the warm-up are not.
    pub(crate) fn counts(&self, intended_ns: u64) -> bool {
        intended_ns >= self.start_ns()
    }

    pub(crate) fn contains(&self, now_ns: u64) -> bool {
        self.counts(now_ns) && now_ns < self.end_ns()
    }

    /// How much of the time from `since_ns` to `until_ns` is inside.
    pub(crate) fn overlap_ns(&self, since_ns: u64, until_ns: u64) -> u64 {
        let until_ns = until_ns.min(self.end_ns());
        until_ns.saturating_sub(since_ns.max(self.start_ns()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_are_exact() {
        let window = Window::new(10, Some(20));
        assert_eq!((window.start_ns(), window.end_ns()), (10, 20));
        assert_eq!(
            [9, 10, 19, 20].map(|ns| window.contains(ns)),
            [false, true, true, false]
        );
        assert_eq!([9, 10, 25].map(|ns| window.counts(ns)), [false, true, true]);
        for (since_ns, until_ns, overlap_ns) in [
            (12, 15, 3),
            (5, 15, 5),
            (15, 25, 5),
            (5, 25, 10),
            (0, 10, 0),
            (20, 25, 0),
            (0, 5, 0),
        ] {
            assert_eq!(window.overlap_ns(since_ns, until_ns), overlap_ns);
        }
    }

    #[test]
    fn a_late_start_delays_it() {
        let window = Window::new(10, Some(30));
        assert_eq!((window.delay(10), window.delay(15)), (0, 5));
        assert_eq!((window.start_ns(), window.end_ns()), (15, 35));
        let endless = Window::new(10, None);
        endless.delay(15);
        assert_eq!((endless.start_ns(), endless.end_ns()), (15, u64::MAX));
    }

    #[test]
    fn an_interrupt_brings_the_end_forward() {
        let window = Window::new(10, None);
        assert!(window.contains(u64::MAX - 1));
        window.end(30);
        assert!(!window.contains(30));
        window.end(40);
        assert_eq!(window.end_ns(), 30);
    }
}
