//! The connections alive now, and the totals of all that ever were.

use std::{
    collections::HashMap,
    io,
    net::{Shutdown, SocketAddr},
    ops::{AddAssign, Deref},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use proto::{Batch, qps::Counter};
use transport::Stream;

/// What went through one connection or all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Frames echoed; of bare bytes, reads.
    pub frames: u64,
    /// Bytes echoed as they were on the wire, headers included.
    pub bytes: u64,
    /// Bytes of payload among them, decompressed.
    pub payload_bytes: u64,
    /// Reads that brought something.
    pub reads: u64,
    /// Reads that ended inside a frame.
    pub split_reads: u64,
    /// Writes that took something.
    pub writes: u64,
}

impl AddAssign for Traffic {
    fn add_assign(&mut self, other: Self) {
        self.frames += other.frames;
        self.bytes += other.bytes;
        self.payload_bytes += other.payload_bytes;
        self.reads += other.reads;
        self.split_reads += other.split_reads;
        self.writes += other.writes;
    }
}

/// One connection's traffic since it was last taken. On a cache line of its
/// own: its thread writes at every read, and nobody else but once a second.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Counters {
    frames: Counter,
    bytes: Counter,
    payload_bytes: Counter,
    reads: Counter,
    split_reads: Counter,
    writes: Counter,
}

impl Counters {
    fn take(&self) -> Traffic {
        Traffic {
            frames: self.frames.take(),
            bytes: self.bytes.take(),
            payload_bytes: self.payload_bytes.take(),
            reads: self.reads.take(),
            split_reads: self.split_reads.take(),
            writes: self.writes.take(),
        }
    }
}

/// A connection that is alive.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) stream: Stream,
    pub(crate) peer: SocketAddr,
    accepted: Instant,
    /// Cleared by whoever ends the handshake: its thread, or the watcher.
    in_handshake: AtomicBool,
    counters: Counters,
}

impl Connection {
    /// Makes the TLS handshake, if there is one to make.
    pub(crate) fn handshake(&self) -> io::Result<()> {
        let outcome = self.stream.handshake(None);
        let was_in_time = self.in_handshake.swap(false, Ordering::Relaxed);
        if self.stream.has_handshake() && !was_in_time {
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the TLS handshake took longer than --handshake-timeout",
            ));
        }
        outcome
    }

    /// Whether the handshake has taken too long; said once.
    fn overstays_handshake(&self, now: Instant, timeout: Duration) -> bool {
        now.saturating_duration_since(self.accepted) >= timeout
            && self.in_handshake.swap(false, Ordering::Relaxed)
    }

    /// Counts one read and what it brought.
    pub(crate) fn count_read(&self, batch: &Batch<'_>) {
        self.counters.reads.add(1);
        if !batch.is_empty() {
            self.counters.frames.add(batch.len() as u64);
            self.counters.bytes.add(batch.raw().len() as u64);
            self.counters.payload_bytes.add(batch.payload_len() as u64);
        }
        if batch.is_split() {
            self.counters.split_reads.add(1);
        }
    }

    /// Counts one write.
    pub(crate) fn count_write(&self) {
        self.counters.writes.add(1);
    }
}

#[derive(Debug, Default)]
pub(crate) struct Registry {
    inner: Mutex<Inner>,
    emptied: Condvar,
}

#[derive(Debug, Default)]
struct Inner {
    live: HashMap<u64, Arc<Connection>>,
    /// Connections registered so far; the next one's key.
    connections: u64,
    /// Traffic taken from the counters so far.
    traffic: Traffic,
}

impl Registry {
    /// Adds a connection; it is removed when the returned guard is dropped.
    pub(crate) fn register(self: &Arc<Self>, stream: Stream, peer: SocketAddr) -> Live {
        let connection = Arc::new(Connection {
            accepted: Instant::now(),
            in_handshake: AtomicBool::new(stream.has_handshake()),
            stream,
            peer,
            counters: Counters::default(),
        });
        let mut inner = self.lock();
        let key = inner.connections;
        inner.connections += 1;
        inner.live.insert(key, Arc::clone(&connection));
        Live {
            connection,
            key,
            registry: Arc::clone(self),
        }
    }

    /// Takes the traffic since the last call into the totals. Returns how
    /// many connections are alive and the totals so far.
    pub(crate) fn collect(&self) -> (usize, Traffic) {
        let mut inner = self.lock();
        let Inner { live, traffic, .. } = &mut *inner;
        for connection in live.values() {
            *traffic += connection.counters.take();
        }
        (live.len(), *traffic)
    }

    /// Connections and traffic of the server's whole life.
    pub(crate) fn totals(&self) -> (u64, Traffic) {
        let (_, traffic) = self.collect();
        (self.lock().connections, traffic)
    }

    /// Shuts every connection down; blocked reads and writes wake up.
    pub(crate) fn shutdown(&self, how: Shutdown) {
        for connection in self.lock().live.values() {
            // One that the peer has closed already cannot be shut down.
            let _ = connection.stream.shutdown(how);
        }
    }

    /// Ends the connections whose handshake takes longer than `timeout`. The
    /// socket's own timeout would start again at every byte.
    pub(crate) fn end_slow_handshakes(&self, timeout: Duration) {
        let now = Instant::now();
        for connection in self.lock().live.values() {
            if connection.overstays_handshake(now, timeout) {
                let _ = connection.stream.shutdown(Shutdown::Both);
            }
        }
    }

    /// Waits for the last connection to end; `false` when `timeout` was
    /// shorter.
    pub(crate) fn wait_until_empty(&self, timeout: Duration) -> bool {
        self.emptied
            .wait_timeout_while(self.lock(), timeout, |inner| !inner.live.is_empty())
            .unwrap_or_else(PoisonError::into_inner)
            .0
            .live
            .is_empty()
    }

    /// Nothing is left half done by a panic, so a poisoned lock is as good.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's place in the registry, given up when dropped: at the end
/// of its thread, by a panic, or when there was no thread for it.
#[derive(Debug)]
pub(crate) struct Live {
    connection: Arc<Connection>,
    key: u64,
    registry: Arc<Registry>,
}

impl Deref for Live {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let mut inner = self.registry.lock();
        inner.live.remove(&self.key);
        inner.traffic += self.connection.counters.take();
        if inner.live.is_empty() {
            self.registry.emptied.notify_all();
        }
    }
}
