//! The connections alive now, and the statistics of all that ever were.

use std::{
    collections::HashMap,
    net::{Shutdown, SocketAddr},
    ops::Deref,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use transport::Stream;

use crate::{
    close::{CloseCounts, CloseReason},
    connection::{Connection, Phase, Traffic},
    deadlines::{Deadlines, Watched},
};

/// What became of all connections. Exact at any instant: as many were
/// accepted as have ended, for whatever reason, or are alive.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stats {
    /// Connections accepted so far, those that were closed at once included.
    pub accepted: u64,
    /// Those that ended, by reason.
    pub closed: CloseCounts,
    /// Those that are alive.
    pub live: u64,
    /// What all of them echoed.
    pub traffic: Traffic,
    /// Frames echoed in the last whole second; of bare bytes, reads.
    pub qps: f64,
}

#[derive(Debug, Default)]
pub(crate) struct Registry {
    inner: Mutex<Inner>,
    emptied: Condvar,
}

#[derive(Debug, Default)]
struct Inner {
    live: HashMap<u64, (Arc<Connection>, Watched)>,
    /// Connections accepted so far; the next one's key.
    accepted: u64,
    closed: CloseCounts,
    /// Traffic of the connections that ended.
    traffic: Traffic,
    qps: f64,
}

impl Registry {
    /// Adds a connection; it is removed when the returned guard is dropped.
    pub(crate) fn register(self: &Arc<Self>, stream: Stream, peer: SocketAddr) -> ConnectionGuard {
        let connection = Arc::new(Connection::new(stream, peer));
        let watch = Watched::new(&connection);
        let mut inner = self.lock();
        let key = inner.accepted;
        inner.accepted += 1;
        inner.live.insert(key, (Arc::clone(&connection), watch));
        ConnectionGuard {
            connection,
            key,
            has_thread: false,
            registry: Arc::clone(self),
        }
    }

    /// Counts a connection that is closed at once.
    pub(crate) fn refuse(&self, reason: CloseReason) {
        let mut inner = self.lock();
        inner.accepted += 1;
        inner.closed.add(reason);
    }

    /// How many connections are alive.
    pub(crate) fn live(&self) -> u64 {
        self.lock().live.len() as u64
    }

    /// Checks every connection and ends those past their deadlines.
    pub(crate) fn sweep(&self, now: Instant, deadlines: &Deadlines) {
        for (connection, watch) in self.lock().live.values_mut() {
            watch.sweep(connection, now, deadlines);
        }
    }

    /// The statistics as of this instant.
    pub(crate) fn stats(&self) -> Stats {
        let inner = self.lock();
        let mut traffic = inner.traffic;
        for (connection, _) in inner.live.values() {
            traffic += connection.traffic();
        }
        Stats {
            accepted: inner.accepted,
            closed: inner.closed,
            live: inner.live.len() as u64,
            traffic,
            qps: inner.qps,
        }
    }

    /// Notes what the last second brought.
    pub(crate) fn set_qps(&self, qps: f64) {
        self.lock().qps = qps;
    }

    /// Decides that every connection ends because the server stops. Each thread
    /// finds out when it has read next.
    pub(crate) fn stop(&self) {
        for (connection, _) in self.lock().live.values() {
            connection.decide(CloseReason::Shutdown.into());
        }
    }

    /// Wakes up those that wait for something to read. The others are at work,
    /// and find out by themselves.
    pub(crate) fn wake_readers(&self) {
        for (connection, _) in self.lock().live.values() {
            if !matches!(connection.phase(), Phase::Writing | Phase::Closing) {
                // One that the peer has closed already cannot be shut down.
                let _ = connection.stream.shutdown(Shutdown::Read);
            }
        }
    }

    /// Ends whatever any connection is still doing.
    pub(crate) fn cut(&self) {
        for (connection, _) in self.lock().live.values() {
            let _ = connection.stream.shutdown(Shutdown::Both);
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
pub(crate) struct ConnectionGuard {
    connection: Arc<Connection>,
    key: u64,
    has_thread: bool,
    registry: Arc<Registry>,
}

impl ConnectionGuard {
    /// Says that the connection has its thread.
    pub(crate) fn on_thread(mut self) -> Self {
        self.has_thread = true;
        self
    }
}

impl Deref for ConnectionGuard {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        let reason = match self.connection.outcome() {
            Some(outcome) => outcome.reason,
            None if self.has_thread => CloseReason::Panic,
            None => CloseReason::Spawn,
        };
        let mut inner = self.registry.lock();
        inner.live.remove(&self.key);
        inner.closed.add(reason);
        inner.traffic += self.connection.traffic();
        if inner.live.is_empty() {
            self.registry.emptied.notify_all();
        }
    }
}

#[cfg(test)]
#[allow(clippy::panic, clippy::unwrap_used)]
mod tests {
    use std::{
        net::{TcpListener, TcpStream},
        thread,
    };

    use super::*;

    fn stream() -> (Stream, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        (Stream::Plain(TcpStream::connect(addr).unwrap()), addr)
    }

    #[track_caller]
    fn assert_stats(registry: &Registry, live: u64, closed: &str) {
        let stats = registry.stats();
        assert_eq!(stats.live, live);
        assert_eq!(stats.closed.to_string(), closed);
        assert_eq!(stats.accepted, stats.closed.total() + live);
    }

    #[test]
    fn every_end_is_accounted_for() {
        let registry = Arc::new(Registry::default());
        let register = || {
            let (stream, addr) = stream();
            registry.register(stream, addr)
        };
        assert_stats(&registry, 0, "none");

        let without_thread = register();
        assert_stats(&registry, 1, "none");
        drop(without_thread);
        assert_stats(&registry, 0, "1 spawn");

        let panics = register();
        let panicked = thread::spawn(move || {
            let _live = panics.on_thread();
            panic!("on purpose");
        });
        assert!(panicked.join().is_err());
        assert_stats(&registry, 0, "1 spawn, 1 panic");

        let ends = register().on_thread();
        assert!(ends.decide(CloseReason::Clean.into()));
        assert!(!ends.decide(CloseReason::Reset.into()), "decided twice");
        registry.stop();
        registry.wake_readers();
        drop(ends);
        registry.refuse(CloseReason::Limit);
        assert_stats(&registry, 0, "1 clean, 1 limit, 1 spawn, 1 panic");
    }
}
