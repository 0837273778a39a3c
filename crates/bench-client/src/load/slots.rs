//! Evenly spaced times, shared by connections.

/// Times that are evenly spaced over all connections of a run: connection i of
/// n takes every n-th of them, from the i-th on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Slots {
    /// Between two messages of the whole run.
    interval_ns: f64,
    /// The next one that is ours.
    next: u64,
    connections: u64,
}

impl Slots {
    /// The slots of connection `index` for `rate` messages per second over all
    /// `connections`.
    pub(crate) fn new(rate: f64, index: u64, connections: u64) -> Self {
        Self {
            interval_ns: 1e9 / rate,
            next: index,
            connections,
        }
    }

    /// When the `n`-th slot from the next one on is due. Counted from the
    /// start, so that no error adds up.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // saturates
    pub(crate) fn due_ns(&self, n: u64) -> u64 {
        let slot = self.next.saturating_add(n.saturating_mul(self.connections));
        (slot as f64 * self.interval_ns) as u64
    }

    /// How many slots from the next one on are due before `end_ns`.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // saturates
    pub(crate) fn due_before(&self, end_ns: u64) -> u64 {
        let all = (end_ns as f64 / self.interval_ns).ceil() as u64;
        let ours = all.saturating_sub(self.next).div_ceil(self.connections);
        // The division may round where `due_ns` does not.
        (ours.saturating_sub(1)..=ours)
            .find(|&n| self.due_ns(n) >= end_ns)
            .unwrap_or(ours + 1)
    }

    /// Leaves out the next `count` slots.
    pub(crate) fn skip(&mut self, count: u64) {
        self.next = self
            .next
            .saturating_add(count.saturating_mul(self.connections));
    }
}
