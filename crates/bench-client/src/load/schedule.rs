//! When messages are meant to be sent.

use std::time::{Duration, Instant};

/// When the messages of one connection are meant to be sent.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Schedule {
    /// As soon as there is room in flight.
    Closed,
    /// At fixed times, whatever the server does.
    Open(Slots),
}

/// Times that are evenly spaced over all connections of a run: connection i of
/// n takes every n-th of them, from the i-th on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slots {
    start: Instant,
    /// Between two messages of the whole run.
    interval_s: f64,
    /// The next one that is ours.
    next: u64,
    connections: u64,
}

impl Slots {
    /// The slots of connection `index` for `rate` messages a second over all
    /// `connections`, from `start` on.
    pub(crate) fn new(start: Instant, rate: f64, index: u64, connections: u64) -> Self {
        Self {
            start,
            interval_s: 1.0 / rate,
            next: index,
            connections,
        }
    }

    /// When the next message is meant to be sent. Counted from the start, so
    /// that no error adds up.
    pub(crate) fn due(&self) -> Instant {
        self.start + Duration::from_secs_f64(self.next as f64 * self.interval_s)
    }

    pub(crate) fn advance(&mut self) {
        self.next += self.connections;
    }

    /// Leaves out what was due before `now`.
    pub(crate) fn skip_until(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.start).as_secs_f64() / self.interval_s;
        // Saturates, and rounds down: the loop has the last word.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let rounds = ((passed - self.next as f64) / self.connections as f64) as u64;
        self.next += rounds * self.connections;
        while self.due() < now {
            self.advance();
        }
    }
}

impl Schedule {
    /// When the next message is meant to be sent, if that is to wait for.
    pub(crate) fn due(&self) -> Option<Instant> {
        match self {
            Self::Closed => None,
            Self::Open(slots) => Some(slots.due()),
        }
    }

    /// Takes the next message's time if that has come.
    pub(crate) fn take(&mut self, now: Instant) -> Option<Instant> {
        match self {
            Self::Closed => Some(now),
            Self::Open(slots) => {
                let due = slots.due();
                (due <= now).then(|| {
                    slots.advance();
                    due
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_even_and_staggered() {
        let start = Instant::now();
        let mut schedules =
            [0, 1, 2].map(|index| Schedule::Open(Slots::new(start, 1000.0, index, 3)));
        let mut taken = Vec::new();
        for ms in 0..9_u64 {
            let now = start + Duration::from_millis(ms);
            for (index, schedule) in schedules.iter_mut().enumerate() {
                if let Some(due) = schedule.take(now) {
                    taken.push((index, due - start));
                }
                assert_eq!(schedule.take(now), None, "sent twice");
            }
        }
        let expected: Vec<_> = (0..9_u64)
            .map(|ms| {
                (
                    usize::try_from(ms % 3).unwrap_or(0),
                    Duration::from_millis(ms),
                )
            })
            .collect();
        assert_eq!(taken, expected);
    }

    #[test]
    fn a_late_sender_catches_up_and_a_late_comer_does_not() {
        let start = Instant::now();
        let mut slots = Slots::new(start, 100.0, 0, 1);
        let late = start + Duration::from_millis(95);
        let mut schedule = Schedule::Open(slots);
        let caught_up = std::iter::from_fn(|| schedule.take(late)).count();
        assert_eq!(caught_up, 10);
        slots.skip_until(late);
        assert_eq!(slots.due(), start + Duration::from_millis(100));
    }
}
