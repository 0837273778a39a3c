//! An open connection, as its thread and the conductor see it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use transport::{
    Stream, TcpInfo,
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
    /// Segments that were retransmitted, and those of them that were spurious.
    pub(super) sent_again: [Gauge; 2],
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
            sent_again: Default::default(),
            waiting_since: Gauge::default(),
            overdue: AtomicBool::new(false),
            in_flight: Gauge::default(),
            failures: Gauge::default(),
        }
    }

    /// Notes what its ends have retransmitted, as far as they are known: segments
    /// retransmitted, and those of them that were spurious. Returns the increases.
    pub(super) fn note_sent_again(&self, ends: [Option<&TcpInfo>; 2]) -> [u64; 2] {
        let counts: [fn(&TcpInfo) -> u32; 2] = [|end| end.retransmitted, |end| end.spurious];
        std::array::from_fn(|kind| {
            let count = ends
                .iter()
                .flatten()
                .map(|end| u64::from(counts[kind](end)));
            let count: u64 = count.sum();
            let before = self.sent_again[kind].replace(count);
            count.saturating_sub(before)
        })
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

    pub(super) fn replace(&self, value: u64) -> u64 {
        let before = self.load();
        self.store(value);
        before
    }
}
