//! Whether a silent peer is still there.

use std::time::{Duration, Instant};

/// Decides when to ask a silent peer for a sign of life, and when to give it
/// up: it is asked after one interval of silence and dead after another.
///
/// It holds no clock and sends nothing: the caller says what time it is, what
/// was heard, and how to ask.
#[derive(Clone, Debug)]
pub struct Liveness {
    /// `None`: silence means nothing.
    interval: Option<Duration>,
    heard: Instant,
    asked: Option<Instant>,
}

/// What to do about a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vitality {
    /// Nothing.
    Alive,
    /// Ask it now.
    Ask,
    /// Give it up; it has been silent for this long.
    Dead(Duration),
}

impl Liveness {
    /// Starts with a peer that was heard `now`; without an interval it lives
    /// for ever.
    #[must_use]
    pub const fn new(interval: Option<Duration>, now: Instant) -> Self {
        Self {
            interval,
            heard: now,
            asked: None,
        }
    }

    /// The peer gave a whole sign of life.
    pub const fn heard(&mut self, now: Instant) {
        self.heard = now;
        self.asked = None;
    }

    /// Says what to do. [`Vitality::Ask`] is said once for each silence.
    pub fn check(&mut self, now: Instant) -> Vitality {
        if !self.wait(now).is_some_and(|wait| wait.is_zero()) {
            return Vitality::Alive;
        }
        if self.asked.is_some() {
            Vitality::Dead(now.saturating_duration_since(self.heard))
        } else {
            self.asked = Some(now);
            Vitality::Ask
        }
    }

    /// How long until [`check`](Self::check) will have something to say;
    /// `None` when it never will.
    #[must_use]
    pub fn wait(&self, now: Instant) -> Option<Duration> {
        let since = self.asked.unwrap_or(self.heard);
        let silence = now.saturating_duration_since(since);
        Some(self.interval?.saturating_sub(silence))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn silence_is_asked_about_once_and_then_deadly() {
        let start = Instant::now();
        let mut liveness = Liveness::new(Some(10 * SECOND), start);
        assert_eq!(liveness.check(start + 9 * SECOND), Vitality::Alive);
        assert_eq!(liveness.wait(start + 9 * SECOND), Some(SECOND));
        assert_eq!(liveness.check(start + 10 * SECOND), Vitality::Ask);
        assert_eq!(liveness.check(start + 11 * SECOND), Vitality::Alive);
        assert_eq!(
            liveness.check(start + 20 * SECOND),
            Vitality::Dead(20 * SECOND)
        );
    }

    #[test]
    fn a_sign_of_life_begins_anew() {
        let start = Instant::now();
        let mut liveness = Liveness::new(Some(10 * SECOND), start);
        assert_eq!(liveness.check(start + 10 * SECOND), Vitality::Ask);
        liveness.heard(start + 12 * SECOND);
        assert_eq!(liveness.check(start + 21 * SECOND), Vitality::Alive);
        assert_eq!(liveness.check(start + 22 * SECOND), Vitality::Ask);
    }

    #[test]
    fn without_an_interval_nobody_dies() {
        let start = Instant::now();
        let mut liveness = Liveness::new(None, start);
        assert_eq!(liveness.check(start + 1000 * SECOND), Vitality::Alive);
        assert_eq!(liveness.wait(start), None);
    }
}
