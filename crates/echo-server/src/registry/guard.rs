//! A connection's registration.

use std::{fmt, ops::Deref, sync::Arc};

use super::{EndingThread, Registry};
use crate::{close::CloseReason, connection::Connection};

/// A connection's registration, removed when dropped: at the end of its thread,
/// by a panic, or when no thread could be started.
#[derive(Debug)]
pub(crate) struct ConnectionGuard {
    connection: Arc<Connection>,
    key: u64,
    has_thread: bool,
    registry: Arc<Registry>,
}

impl ConnectionGuard {
    /// Guards a connection registered under `key`.
    pub(super) const fn new(
        connection: Arc<Connection>,
        key: u64,
        registry: Arc<Registry>,
    ) -> Self {
        Self {
            connection,
            key,
            has_thread: false,
            registry,
        }
    }

    /// Marks that the connection has its thread.
    pub(crate) fn on_thread(mut self) -> Self {
        self.has_thread = true;
        self
    }

    /// Logs why the connection is closed.
    pub(crate) fn warn(&self, reason: CloseReason, why: fmt::Arguments<'_>) {
        self.registry.warnings.warn(reason, why);
    }

    /// The key to [attach](Registry::attach) the thread with.
    pub(crate) const fn key(&self) -> u64 {
        self.key
    }
}

impl Deref for ConnectionGuard {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl Drop for ConnectionGuard {
    /// A thread occupies its place until the system has freed it: its
    /// connection counts as closed once it is joined.
    fn drop(&mut self) {
        let reason = match self.connection.outcome() {
            Some(outcome) => outcome.reason,
            None if self.has_thread => CloseReason::Panic,
            None => CloseReason::Spawn,
        };
        let mut inner = self.registry.lock();
        let entry = inner.live.remove(&self.key);
        inner.traffic += self.connection.traffic();
        if self.has_thread {
            inner.leaving += 1;
            inner.ending.push(EndingThread {
                key: self.key,
                reason,
                thread: entry.and_then(|entry| entry.thread),
            });
            self.registry.work.notify_one();
        } else {
            inner.closed.add(reason);
            self.registry.gone.notify_all();
        }
    }
}
