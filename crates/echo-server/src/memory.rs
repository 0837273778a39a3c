//! A budget for the read buffers of all connections, and what must be left
//! beside it.

use std::{
    fmt,
    sync::atomic::{AtomicUsize, Ordering},
};

/// Bytes of address space (`ulimit -v`) that stay free when a thread starts or a
/// buffer grows. Where a small allocation fails, std and the C library abort the
/// whole process, so large ones are given up before.
///
/// A new thread maps its stack and a signal stack, and glibc gives each of the
/// first a heap of its own: it reserves 64 MiB of address space (`HEAP_MAX_SIZE`)
/// and for a moment twice that, to align them.
const HEADROOM: u64 = 192 << 20;

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

/// Why a buffer must not be as large as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoMemory {
    /// All buffers together would exceed the budget.
    Budget { bytes: usize, max: usize },
    /// The process has reached its limit, nearly.
    Headroom,
}

/// Checks that this process may have some more memory.
///
/// It is computed: to try would take it from others for that moment.
#[cfg(target_os = "linux")]
pub(crate) fn check_headroom() -> Result<(), NoMemory> {
    use rustix::{
        param::page_size,
        process::{Resource, getrlimit},
    };

    let Some(limit) = getrlimit(Resource::As).current else {
        return Ok(());
    };
    // The first field is the whole size, in pages (proc(5)).
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').next().and_then(|pages| pages.parse().ok());
    let size = pages.unwrap_or(0_u64).saturating_mul(page_size() as u64);
    if limit.saturating_sub(size) < HEADROOM {
        return Err(NoMemory::Headroom);
    }
    Ok(())
}

/// Checks that this process may have some more memory; nothing is known here.
#[cfg(not(target_os = "linux"))]
pub(crate) const fn check_headroom() -> Result<(), NoMemory> {
    Ok(())
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
    pub(crate) fn resize(&mut self, bytes: usize) -> Result<(), NoMemory> {
        if bytes == self.bytes {
            return Ok(());
        }
        // The first buffer is small, and came with the thread.
        if self.bytes > 0 && bytes > self.bytes {
            check_headroom()?;
        }
        self.give_back();
        let Budget { max, held } = self.budget;
        let before = held.fetch_add(bytes, Ordering::Relaxed);
        self.bytes = bytes;
        if before.saturating_add(bytes) > *max {
            return Err(NoMemory::Budget { bytes, max: *max });
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

impl fmt::Display for NoMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Budget { bytes, max } => write!(
                f,
                "its read buffer of {bytes} bytes is too much for --max-memory: all together \
                 may hold {max}"
            ),
            Self::Headroom => write!(
                f,
                "less than {HEADROOM} bytes are left of the process's address space (ulimit -v)"
            ),
        }
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
            Err(NoMemory::Budget {
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
