//! The memory budget of all connections, and the headroom beside it.

use std::{
    num::NonZero,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use proto::Reader;
use transport::Stream;

use crate::units::ByteSize;

/// Bytes of address space (`ulimit -v`) to keep free when a thread starts or a
/// buffer grows. If a small allocation fails, std and the C library abort the
/// process, so large ones are refused earlier.
///
/// A new thread maps its stack and a signal stack, and glibc gives the first
/// threads a heap each: it reserves 64 MiB of address space (`HEAP_MAX_SIZE`),
/// and briefly twice that, to align it.
const HEADROOM: u64 = 192 << 20;

/// Address space of a further thread: its stack and its signal stack, each with
/// a guard page, and a buffer.
const THREAD: u64 = 320 << 10;

/// Heaps that glibc reserves for the first threads, each in bytes
/// (`HEAP_MAX_SIZE`), and how many for each CPU (`M_ARENA_MAX`, mallopt(3)).
const HEAP: u64 = 64 << 20;
const HEAPS_PER_CPU: u64 = 8;

/// Keys and state of a TLS session, in bytes. 1,000 sessions of rustls 0.23,
/// both ends in one process, took 10.1 KiB a pair.
const TLS_SESSION: usize = 5 * 1024;

/// Minimum length of a read over TLS, in bytes: a reader's first buffer, which
/// is on the stack of its thread.
const FIRST_READ: usize = 1024;

/// Bytes that all connections together may hold.
#[derive(Clone, Debug)]
pub(crate) struct Budget(Arc<Account>);

#[derive(Debug)]
struct Account {
    max: usize,
    held: AtomicUsize,
}

/// One connection's share of the budget, returned when dropped.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Budget,
    bytes: usize,
}

/// Why a connection gets no more memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoMemory {
    #[error(
        "its {bytes} bytes would exceed --max-memory: {} for all connections",
        ByteSize(*max as u64)
    )]
    Budget { bytes: usize, max: usize },
    #[error(
        "less than {} are left of the process's address space (ulimit -v)",
        ByteSize(HEADROOM)
    )]
    #[cfg_attr(not(target_os = "linux"), allow(dead_code))]
    Headroom,
    #[error("the system is out of memory for its read buffer")]
    System,
}

/// Checks that this process may take `more` bytes.
///
/// Computed, not tried: a trial allocation would take the memory from others.
pub(crate) fn check_headroom(more: usize) -> Result<(), NoMemory> {
    match address_space_left() {
        Some(left) if left < HEADROOM.saturating_add(more as u64) => Err(NoMemory::Headroom),
        _ => Ok(()),
    }
}

/// Threads that fit into the process's address space; `None` without a limit.
pub(crate) fn threads_left() -> Option<u64> {
    let cpus = thread::available_parallelism().map_or(1, NonZero::get);
    address_space_left().map(|left| threads_within(left, cpus as u64))
}

fn threads_within(left: u64, cpus: u64) -> u64 {
    let left = left.saturating_sub(HEADROOM);
    let heaps = cpus.saturating_mul(HEAPS_PER_CPU);
    let with_heap = (left / (HEAP + THREAD)).min(heaps);
    if with_heap < heaps {
        return with_heap;
    }
    let rest = left.saturating_sub(heaps.saturating_mul(HEAP));
    rest / THREAD
}

/// Bytes below the process's limit; `None` without a limit.
#[cfg(target_os = "linux")]
fn address_space_left() -> Option<u64> {
    use rustix::{
        param::page_size,
        process::{Resource, getrlimit},
    };

    let limit = getrlimit(Resource::As).current?;
    // An unknown size counts as the maximum.
    let pages = size_in_pages().unwrap_or(u64::MAX);
    Some(limit.saturating_sub(pages.saturating_mul(page_size() as u64)))
}

/// The limit is unknown on this system.
#[cfg(not(target_os = "linux"))]
const fn address_space_left() -> Option<u64> {
    None
}

/// The process's address space, from the first field of proc(5)'s `statm`. The
/// file stays open: the check must work without a spare descriptor.
#[cfg(target_os = "linux")]
fn size_in_pages() -> Option<u64> {
    use std::{fs::File, os::unix::fs::FileExt, sync::OnceLock};

    static STATM: OnceLock<File> = OnceLock::new();

    if STATM.get().is_none() {
        let _ = STATM.set(File::open("/proc/self/statm").ok()?);
    }
    let mut line = [0; 128];
    let n = STATM.get()?.read_at(&mut line, 0).ok()?;
    let line = str::from_utf8(line.get(..n)?).ok()?;
    line.split(' ').next()?.parse().ok()
}

impl Budget {
    pub(crate) fn new(max: u64) -> Self {
        Self(Arc::new(Account {
            max: usize::try_from(max).unwrap_or(usize::MAX),
            held: AtomicUsize::new(0),
        }))
    }

    /// An empty share.
    pub(crate) fn share(&self) -> Share {
        Share {
            budget: self.clone(),
            bytes: 0,
        }
    }
}

impl Share {
    /// Reserves what a connection holds from its first byte: with TLS, the
    /// session and the records of a handshake.
    pub(crate) fn reserve_session(&mut self, stream: &Stream) -> Result<(), NoMemory> {
        self.resize(held_by(stream, FIRST_READ))
    }

    /// Reserves, in advance, what a connection holds during the next read and
    /// the write of its echoes.
    #[inline]
    pub(crate) fn reserve(&mut self, reader: &mut Reader, stream: &Stream) -> Result<(), NoMemory> {
        let (held, next) = (reader.capacity(), reader.next_capacity());
        let stream = held_by(stream, next);
        if next > held {
            // During growth the old and the new buffer can both exist.
            self.resize(stream.saturating_add(held).saturating_add(next))?;
            reader.reserve().map_err(|_| NoMemory::System)?;
        }
        self.resize(stream.saturating_add(next))
    }

    /// Makes the share `bytes` large, or leaves it unchanged on error. Usually
    /// nothing changes, which costs one comparison.
    #[inline]
    pub(crate) fn resize(&mut self, bytes: usize) -> Result<(), NoMemory> {
        if bytes == self.bytes {
            return Ok(());
        }
        self.change(bytes)
    }

    #[cold]
    fn change(&mut self, bytes: usize) -> Result<(), NoMemory> {
        let Account { max, held } = &*self.budget.0;
        if bytes < self.bytes {
            held.fetch_sub(self.bytes - bytes, Ordering::Relaxed);
        } else {
            let more = bytes - self.bytes;
            check_headroom(more)?;
            let fits = |held: usize| held.checked_add(more).filter(|held| held <= max);
            held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits)
                .map_err(|_| NoMemory::Budget { bytes, max: *max })?;
        }
        self.bytes = bytes;
        Ok(())
    }
}

/// Maximum bytes that a stream holds while at most `len` bytes are read or
/// written.
///
/// The TLS stream reports how far its buffers can grow during a call: 72 KiB
/// even for small frames, since a record has up to 16 KiB and exists in up to
/// four places at once. The peer controls that growth, so empty buffers count
/// in full.
#[inline]
fn held_by(stream: &Stream, len: usize) -> usize {
    match stream {
        Stream::Plain(_) => 0,
        Stream::Tls(_) => stream
            .max_buffered(len.max(FIRST_READ))
            .max(stream.buffered())
            .saturating_add(TLS_SESSION),
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let held = &self.budget.0.held;
        held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_that_would_exceed_the_budget_fails_and_is_unchanged() {
        let budget = Budget::new(100);
        let (mut a, mut b) = (budget.share(), budget.share());
        assert_eq!(a.resize(60), Ok(()));
        assert_eq!(a.resize(60), Ok(()));
        assert_eq!(b.resize(40), Ok(()));
        let (bytes, max) = (41, 100);
        assert_eq!(b.resize(41), Err(NoMemory::Budget { bytes, max }));
        assert_eq!(budget.0.held.load(Ordering::Relaxed), 100);
        // A share can shrink, and another can grow by as much.
        assert_eq!(b.resize(10), Ok(()));
        assert_eq!(a.resize(90), Ok(()));
        drop(b);
        assert_eq!(a.resize(100), Ok(()));
        let (bytes, max) = (usize::MAX, 100);
        assert_eq!(a.resize(usize::MAX), Err(NoMemory::Budget { bytes, max }));
        drop(a);
        assert_eq!(budget.0.held.load(Ordering::Relaxed), 0);
    }

    /// A refused request reserves nothing meanwhile, so a request that fits is
    /// never refused because of it.
    #[test]
    fn a_refusal_does_not_affect_other_shares() {
        let budget = Budget::new(100);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut greedy = budget.share();
                for _ in 0..100_000 {
                    assert!(greedy.resize(101).is_err());
                }
            });
            for _ in 0..100_000 {
                let mut modest = budget.share();
                assert_eq!(modest.resize(100), Ok(()));
            }
        });
    }

    #[test]
    fn address_space_limits_threads() {
        let mib = 1 << 20;
        assert_eq!(threads_within(0, 2), 0);
        assert_eq!(threads_within(192 * mib, 2), 0);
        assert_eq!(threads_within((192 + 65) * mib, 2), 1);
        assert_eq!(threads_within((192 + 16 * 64 + 5) * mib, 2), 16);
        assert_eq!(threads_within((192 + 16 * 64 + 320) * mib, 2), 1024);
        assert!(threads_within(u64::MAX, 2) > 1 << 32);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_size_of_the_process_is_known() {
        // The program, its libraries and this thread's stack exceed 1 MiB.
        assert!(size_in_pages().is_some_and(|pages| pages > 256));
        assert_eq!(check_headroom(0), Ok(()));
    }
}
