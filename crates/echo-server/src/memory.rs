//! A budget for what all connections hold, and what must be left beside it.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use proto::Reader;
use transport::Stream;

use crate::units::ByteSize;

/// Bytes of address space (`ulimit -v`) that stay free when a thread starts or a
/// buffer grows. Where a small allocation fails, std and the C library abort the
/// whole process, so large ones are given up before.
///
/// A new thread maps its stack and a signal stack, and glibc gives each of the
/// first a heap of its own: it reserves 64 MiB of address space (`HEAP_MAX_SIZE`)
/// and for a moment twice that, to align them.
const HEADROOM: u64 = 192 << 20;

/// Keys and state of a TLS session, in bytes. 1,000 sessions of rustls 0.23 in
/// one process, both ends of each, took 10.1 KiB a pair.
const TLS_SESSION: usize = 5 * 1024;

/// Least that a read asks TLS for, in bytes: the first buffer of a reader, which
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

/// One connection's part of the budget, given back when dropped.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Budget,
    bytes: usize,
}

/// Why a connection must not have more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoMemory {
    /// All connections together would exceed the budget.
    Budget { bytes: usize, max: usize },
    /// The process has reached its limit, nearly.
    #[cfg_attr(not(target_os = "linux"), allow(dead_code))]
    Headroom,
    /// The system gave none.
    System,
}

/// Checks that this process may have `more` bytes.
///
/// It is computed: to try would take it from others for that moment.
pub(crate) fn check_headroom(more: usize) -> Result<(), NoMemory> {
    match address_space_left() {
        Some(left) if left < HEADROOM.saturating_add(more as u64) => Err(NoMemory::Headroom),
        _ => Ok(()),
    }
}

/// Bytes below the process's limit; `None` when there is none.
#[cfg(target_os = "linux")]
fn address_space_left() -> Option<u64> {
    use rustix::{
        param::page_size,
        process::{Resource, getrlimit},
    };

    let limit = getrlimit(Resource::As).current?;
    // What cannot be told could be all.
    let pages = size_in_pages().unwrap_or(u64::MAX);
    Some(limit.saturating_sub(pages.saturating_mul(page_size() as u64)))
}

/// Nothing is known of a limit here.
#[cfg(not(target_os = "linux"))]
const fn address_space_left() -> Option<u64> {
    None
}

/// The process's address space, by the first field of proc(5)'s `statm`. The
/// file stays open: a process without descriptors to spare must know, too.
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

    /// A part of nothing yet.
    pub(crate) fn share(&self) -> Share {
        Share {
            budget: self.clone(),
            bytes: 0,
        }
    }
}

impl Share {
    /// Reserves what a connection holds from its first byte on: over TLS its
    /// session, and the records of a handshake.
    pub(crate) fn reserve_session(&mut self, stream: &Stream) -> Result<(), NoMemory> {
        self.resize(held_by(stream, FIRST_READ))
    }

    /// Reserves what a connection holds during the next read and the write of
    /// what it brings, before it does.
    #[inline]
    pub(crate) fn reserve(&mut self, reader: &mut Reader, stream: &Stream) -> Result<(), NoMemory> {
        let (held, next) = (reader.capacity(), reader.next_capacity());
        let stream = held_by(stream, next);
        if next > held {
            // While it grows, the old buffer and the new one can both be there.
            self.resize(stream.saturating_add(held).saturating_add(next))?;
            reader.reserve().map_err(|_| NoMemory::System)?;
        }
        self.resize(stream.saturating_add(next))
    }

    /// Makes the part `bytes` large, or leaves it as it is. When nothing
    /// changes, which is nearly always, it costs a comparison.
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

/// What a stream holds, at most, while at most `len` bytes are read or written.
///
/// TLS says how much its buffers can grow to until it returns, whatever the peer
/// sends: 72 KiB even for small frames, since a record has up to 16 KiB and is
/// in up to four places at once. A peer decides when they grow, so what is
/// counted is that, also while they are empty.
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

impl fmt::Display for NoMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Budget { bytes, max } => write!(
                f,
                "it would hold {bytes} bytes, too much for --max-memory: all together may hold {}",
                ByteSize(*max as u64)
            ),
            Self::Headroom => write!(
                f,
                "less than {} are left of the process's address space (ulimit -v)",
                ByteSize(HEADROOM)
            ),
            Self::System => f.write_str("the system has no memory for its read buffer"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_that_would_exceed_it_is_told_and_stays_as_it_is() {
        let budget = Budget::new(100);
        let (mut a, mut b) = (budget.share(), budget.share());
        assert_eq!(a.resize(60), Ok(()));
        assert_eq!(a.resize(60), Ok(()));
        assert_eq!(b.resize(40), Ok(()));
        let (bytes, max) = (41, 100);
        assert_eq!(b.resize(41), Err(NoMemory::Budget { bytes, max }));
        assert_eq!(budget.0.held.load(Ordering::Relaxed), 100);
        // It can become smaller, and another larger by that.
        assert_eq!(b.resize(10), Ok(()));
        assert_eq!(a.resize(90), Ok(()));
        drop(b);
        assert_eq!(a.resize(100), Ok(()));
        let (bytes, max) = (usize::MAX, 100);
        assert_eq!(a.resize(usize::MAX), Err(NoMemory::Budget { bytes, max }));
        drop(a);
        assert_eq!(budget.0.held.load(Ordering::Relaxed), 0);
    }

    /// One that is refused takes nothing meanwhile: another that fits is never
    /// refused for it.
    #[test]
    fn a_refusal_costs_others_nothing() {
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
    #[cfg(target_os = "linux")]
    fn the_size_of_the_process_is_known() {
        // The program, its libraries and this thread's stack are more.
        assert!(size_in_pages().is_some_and(|pages| pages > 256));
        assert_eq!(check_headroom(0), Ok(()));
    }
}
