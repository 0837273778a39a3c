//! A budget for the read buffers of all connections.

use std::{
    fmt,
    sync::atomic::{AtomicUsize, Ordering},
};

/// Bytes that all read buffers together may hold.
#[derive(Debug)]
pub(crate) struct Budget {
    max: usize,
    held: AtomicUsize,
}

/// One buffer's part of the budget, given back when dropped.
#[derive(Debug)]
pub(crate) struct Share<'a> {
    budget: &'a Budget,
    bytes: usize,
}

/// What a buffer holds would exceed the budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OverBudget {
    bytes: usize,
    max: usize,
}

impl Budget {
    pub(crate) fn new(max: u64) -> Self {
        Self {
            max: usize::try_from(max).unwrap_or(usize::MAX),
            held: AtomicUsize::new(0),
        }
    }

    /// A part of nothing yet.
    pub(crate) const fn share(&self) -> Share<'_> {
        Share {
            budget: self,
            bytes: 0,
        }
    }
}

impl Share<'_> {
    /// Makes the part `bytes` large. When nothing changed, which is nearly
    /// always, it costs a comparison.
    #[inline]
    pub(crate) fn resize(&mut self, bytes: usize) -> Result<(), OverBudget> {
        if bytes == self.bytes {
            return Ok(());
        }
        self.give_back();
        let Budget { max, held } = self.budget;
        let before = held.fetch_add(bytes, Ordering::Relaxed);
        self.bytes = bytes;
        if before.saturating_add(bytes) > *max {
            return Err(OverBudget { bytes, max: *max });
        }
        Ok(())
    }

    fn give_back(&mut self) {
        self.budget.held.fetch_sub(self.bytes, Ordering::Relaxed);
        self.bytes = 0;
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.give_back();
    }
}

impl fmt::Display for OverBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "its read buffer of {} bytes is too much for --max-memory: all together may hold {}",
            self.bytes, self.max
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_that_would_exceed_it_is_told_and_gives_back() {
        let budget = Budget::new(100);
        let (mut a, mut b) = (budget.share(), budget.share());
        assert_eq!(a.resize(60), Ok(()));
        assert_eq!(a.resize(60), Ok(()));
        assert_eq!(b.resize(40), Ok(()));
        assert_eq!(
            b.resize(41),
            Err(OverBudget {
                bytes: 41,
                max: 100
            })
        );
        drop(b);
        assert_eq!(a.resize(100), Ok(()));
        drop(a);
        assert_eq!(budget.held.load(Ordering::Relaxed), 0);
    }
}
