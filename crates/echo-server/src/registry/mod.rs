//! The live connections, and the statistics of all connections.

mod guard;
#[cfg(test)]
#[allow(clippy::panic, clippy::unwrap_used)]
mod tests;

use std::{
    collections::HashMap,
    net::{Shutdown, SocketAddr},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use transport::Stream;

use crate::{
    close::{CloseCounts, CloseReason},
    connection::{Connection, Traffic},
    deadlines::Deadlines,
    stats::Stats,
    warnings::Warnings,
    watchdog::watched::Watched,
};
pub(crate) use guard::ConnectionGuard;

#[derive(Debug, Default)]
pub(crate) struct Registry {
    pub(crate) warnings: Warnings,
    inner: Mutex<Inner>,
    /// Signals work for the watchdog.
    work: Condvar,
    /// Signals the first connection, or the stop of the server.
    first: Condvar,
    /// Signals that a connection's thread was joined.
    gone: Condvar,
}

#[derive(Debug, Default)]
struct Inner {
    live: HashMap<u64, Entry>,
    /// Threads that are ending or have ended.
    ending: Vec<EndingThread>,
    /// Threads in `ending` or being joined.
    leaving: u64,
    /// Threads joined so far.
    left: u64,
    /// Connections accepted so far; the next one's key.
    accepted: u64,
    closed: CloseCounts,
    /// Traffic of the connections that ended.
    traffic: Traffic,
    qps: f64,
    is_over: bool,
}

#[derive(Debug)]
struct Entry {
    connection: Arc<Connection>,
    watched: Watched,
    /// `None` until attached.
    thread: Option<JoinHandle<()>>,
}

/// A thread that has finished its work here.
#[derive(Debug)]
struct EndingThread {
    key: u64,
    reason: CloseReason,
    /// `None` until attached.
    thread: Option<JoinHandle<()>>,
}

/// Work for the watchdog.
pub(crate) enum Work {
    /// Join a thread that has finished its work here.
    Join(JoinHandle<()>, CloseReason),
    Sweep,
    /// Exit.
    End,
}

impl Inner {
    fn live(&self) -> u64 {
        self.live.len() as u64 + self.leaving
    }

    fn take_joinable(&mut self) -> Option<Work> {
        let is_joinable = |ending: &EndingThread| ending.thread.is_some();
        let ending = self.ending.iter().rposition(is_joinable)?;
        let EndingThread { reason, thread, .. } = self.ending.swap_remove(ending);
        thread.map(|thread| Work::Join(thread, reason))
    }
}

impl Registry {
    /// Adds a connection; dropping the returned guard removes it.
    pub(crate) fn register(self: &Arc<Self>, stream: Stream, peer: SocketAddr) -> ConnectionGuard {
        let connection = Arc::new(Connection::new(stream, peer));
        let entry = Entry {
            watched: Watched::new(&connection),
            connection: Arc::clone(&connection),
            thread: None,
        };
        let mut inner = self.lock();
        let key = inner.accepted;
        inner.accepted += 1;
        if inner.live.insert(key, entry).is_none() && inner.live.len() == 1 {
            self.work.notify_one();
            self.first.notify_all();
        }
        ConnectionGuard::new(connection, key, Arc::clone(self))
    }

    /// Stores the thread of a connection, which may have ended by now.
    pub(crate) fn attach(&self, key: u64, thread: JoinHandle<()>) {
        let mut inner = self.lock();
        if let Some(entry) = inner.live.get_mut(&key) {
            entry.thread = Some(thread);
        } else if let Some(ending) = inner.ending.iter_mut().find(|ending| ending.key == key) {
            ending.thread = Some(thread);
            self.work.notify_one();
        }
    }

    /// Counts a connection that is refused at once.
    pub(crate) fn refuse(&self, reason: CloseReason) {
        let mut inner = self.lock();
        inner.accepted += 1;
        inner.closed.add(reason);
    }

    /// Live connections.
    pub(crate) fn live(&self) -> u64 {
        self.lock().live()
    }

    /// Connections joined so far.
    pub(crate) fn left(&self) -> u64 {
        self.lock().left
    }

    /// Waits until fewer than `max` connections are live; `false` after
    /// `timeout`.
    pub(crate) fn wait_for_place(&self, max: u64, timeout: Duration) -> bool {
        let is_full = |inner: &mut Inner| inner.live() >= max;
        let waited = self.gone.wait_timeout_while(self.lock(), timeout, is_full);
        let (inner, _) = waited.unwrap_or_else(PoisonError::into_inner);
        inner.live() < max
    }

    /// Waits for work for the watchdog; while there are connections, at the
    /// latest until the next sweep.
    pub(crate) fn next_work(&self, sweep_at: Instant) -> Work {
        let mut inner = self.lock();
        loop {
            let is_empty = inner.live.is_empty();
            let left = sweep_at.saturating_duration_since(Instant::now());
            if left.is_zero() && !is_empty {
                return Work::Sweep;
            }
            if let Some(join) = inner.take_joinable() {
                return join;
            }
            if inner.is_over {
                return Work::End;
            }
            inner = if is_empty {
                let waited = self.work.wait(inner);
                waited.unwrap_or_else(PoisonError::into_inner)
            } else {
                let waited = self.work.wait_timeout(inner, left);
                waited.unwrap_or_else(PoisonError::into_inner).0
            };
        }
    }

    /// Counts a connection whose thread was joined.
    pub(crate) fn joined(&self, reason: CloseReason) {
        let mut inner = self.lock();
        inner.leaving -= 1;
        inner.left += 1;
        inner.closed.add(reason);
        self.gone.notify_all();
    }

    /// Checks every connection and ends the expired ones.
    pub(crate) fn sweep(&self, now: Instant, deadlines: &Deadlines, drain: Duration) {
        for entry in self.lock().live.values_mut() {
            entry
                .watched
                .sweep(&entry.connection, now, deadlines, drain);
        }
    }

    /// The statistics as of this instant.
    pub(crate) fn stats(&self) -> Stats {
        let inner = self.lock();
        let mut traffic = inner.traffic;
        for entry in inner.live.values() {
            traffic += entry.connection.traffic();
        }
        Stats {
            accepted: inner.accepted,
            closed: inner.closed,
            live: inner.live(),
            traffic,
            qps: inner.qps,
        }
    }

    /// Stores the rate of the last second.
    pub(crate) fn set_qps(&self, qps: f64) {
        self.lock().qps = qps;
    }

    /// Marks every connection to end because the server stops. Each thread
    /// checks that after its next read.
    pub(crate) fn stop(&self) {
        for entry in self.lock().live.values() {
            entry.connection.decide(CloseReason::Shutdown.into());
        }
    }

    /// Wakes threads that wait for input. The others check by themselves.
    pub(crate) fn wake_readers(&self) {
        for entry in self.lock().live.values() {
            entry.connection.wake_reader();
        }
    }

    /// Shuts down every connection.
    pub(crate) fn cut(&self) {
        for entry in self.lock().live.values() {
            let _ = entry.connection.stream.shutdown(Shutdown::Both);
        }
    }

    /// Waits for the last connection to end; `false` after `timeout`.
    pub(crate) fn wait_until_empty(&self, timeout: Duration) -> bool {
        self.wait_for_place(1, timeout)
    }

    /// Waits for the first connection, or the end.
    pub(crate) fn wait_for_first(&self) {
        let is_empty = |inner: &mut Inner| inner.live.is_empty() && !inner.is_over;
        drop(self.first.wait_while(self.lock(), is_empty));
    }

    /// Waits for the end; `false` after `timeout`.
    pub(crate) fn wait_for_end(&self, timeout: Duration) -> bool {
        let goes_on = |inner: &mut Inner| !inner.is_over;
        let waited = self.first.wait_timeout_while(self.lock(), timeout, goes_on);
        waited.unwrap_or_else(PoisonError::into_inner).0.is_over
    }

    /// Ends the watchdog and the reporter.
    pub(crate) fn end(&self) {
        self.lock().is_over = true;
        self.work.notify_all();
        self.first.notify_all();
    }

    /// A panic leaves no partial update, so a poisoned lock is usable.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
