//! An open connection, as its thread and the conductor see it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use transport::{
    Stream,
    sock_diag::{self, Ends},
};

/// An open connection. On cache lines of its own: its thread writes here at
/// every reply.
#[repr(align(64))]
pub(super) struct Link {
    pub(super) stream: Stream,
    pub(super) index: u64,
    /// `None` when the peer was gone before they were read.
    pub(super) ends: Option<Ends>,
    /// When the next message in order was sent, in nanoseconds since the load
    /// began, plus one; zero when none is in flight.
    pub(super) waiting_since: Gauge,
    /// Set when that message is given up, before the stream is shut down.
    pub(super) overdue: AtomicBool,
    pub(super) in_flight: Gauge,
    pub(super) failures: Gauge,
}

impl Link {
    pub(super) fn new(index: u64, stream: Stream) -> Self {
        let ends = stream.addrs().ok();
        Self {
            stream,
            index,
            ends: ends.map(sock_diag::key),
            waiting_since: Gauge::default(),
            overdue: AtomicBool::new(false),
            in_flight: Gauge::default(),
            failures: Gauge::default(),
        }
    }

    /// The server's end first, if that is on this host.
    pub(super) fn peer_on_this_host(&self) -> Option<Ends> {
        let [own, peer] = self.ends?;
        self.stream.is_same_host().then_some([peer, own])
    }
}

/// A number that one thread sets and another samples. Relaxed: it orders
/// nothing.
#[derive(Default)]
pub(super) struct Gauge(AtomicU64);

impl Gauge {
    pub(super) fn store(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    pub(super) fn load(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
