//! Detection of dead peers.

use std::time::{Duration, Instant};

/// Decides when to ping a silent peer and when to give up on it: a ping is due
/// after one interval of silence, and the peer counts as dead after another.
///
/// It reads no clock and sends nothing: the caller passes the time, reports
/// received frames, and sends the pings.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, Instant};
///
/// use transport::{Heartbeat, Liveness};
///
/// let start = Instant::now();
/// let at = |seconds| start + Duration::from_secs(seconds);
/// let mut heartbeat = Heartbeat::new(Some(Duration::from_secs(5)), start);
/// assert_eq!(heartbeat.check(at(4)), Liveness::Alive);
/// assert_eq!(heartbeat.check(at(5)), Liveness::Ping);
/// heartbeat.heard(at(6));
/// assert_eq!(heartbeat.check(at(10)), Liveness::Alive);
/// ```
#[derive(Clone, Debug)]
pub struct Heartbeat {
    /// `None`: never ping.
    interval: Option<Duration>,
    heard: Instant,
    pinged: Option<Instant>,
}

/// What to do about a peer; see [`Heartbeat`].
///
/// # Examples
///
/// ```
/// use std::time::{Duration, Instant};
///
/// use transport::{Heartbeat, HeartbeatTimeout, Liveness};
///
/// let (start, second) = (Instant::now(), Duration::from_secs(1));
/// let mut heartbeat = Heartbeat::new(Some(second), start);
/// assert_eq!(heartbeat.check(start + second), Liveness::Ping);
/// let silence = 2 * second;
/// let dead = Liveness::Dead(HeartbeatTimeout(silence));
/// assert_eq!(heartbeat.check(start + silence), dead);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Liveness {
    /// Do nothing.
    Alive,
    /// Ping it now.
    Ping,
    /// Give up on it.
    Dead(HeartbeatTimeout),
}

/// A peer was silent for too long; holds the length of the silence.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// let error = transport::HeartbeatTimeout(Duration::from_millis(2500));
/// assert_eq!(
///     error.to_string(),
///     "no frame for 2.5 s, not even the echo of a heartbeat"
/// );
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no frame for {:.1} s, not even the echo of a heartbeat",
    self.0.as_secs_f64()
)]
pub struct HeartbeatTimeout(pub Duration);

impl Heartbeat {
    /// Starts with a peer heard from at `now`; without an interval the peer is
    /// always alive.
    #[must_use]
    pub const fn new(interval: Option<Duration>, now: Instant) -> Self {
        Self {
            interval,
            heard: now,
            pinged: None,
        }
    }

    /// Notes that a complete frame arrived from the peer.
    pub const fn heard(&mut self, now: Instant) {
        self.heard = now;
        self.pinged = None;
    }

    /// What to do now. Returns [`Liveness::Ping`] once per silence.
    pub fn check(&mut self, now: Instant) -> Liveness {
        if !self.wait(now).is_some_and(|wait| wait.is_zero()) {
            return Liveness::Alive;
        }
        if self.pinged.is_some() {
            Liveness::Dead(HeartbeatTimeout(now.saturating_duration_since(self.heard)))
        } else {
            self.pinged = Some(now);
            Liveness::Ping
        }
    }

    /// Time until [`check`](Self::check) next returns anything but
    /// [`Liveness::Alive`]; `None` for never.
    #[must_use]
    pub fn wait(&self, now: Instant) -> Option<Duration> {
        let since = self.pinged.unwrap_or(self.heard);
        let silence = now.saturating_duration_since(since);
        Some(self.interval?.saturating_sub(silence))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_silence_has_one_ping_and_then_the_peer_is_dead() {
        let start = Instant::now();
        let mut heartbeat = Heartbeat::new(Some(10 * SECOND), start);
        assert_eq!(heartbeat.check(start + 9 * SECOND), Liveness::Alive);
        assert_eq!(heartbeat.wait(start + 9 * SECOND), Some(SECOND));
        assert_eq!(heartbeat.check(start + 10 * SECOND), Liveness::Ping);
        assert_eq!(heartbeat.check(start + 11 * SECOND), Liveness::Alive);
        assert_eq!(
            heartbeat.check(start + 20 * SECOND),
            Liveness::Dead(HeartbeatTimeout(20 * SECOND))
        );
    }

    #[test]
    fn a_frame_begins_a_new_silence() {
        let start = Instant::now();
        let mut heartbeat = Heartbeat::new(Some(10 * SECOND), start);
        assert_eq!(heartbeat.check(start + 10 * SECOND), Liveness::Ping);
        heartbeat.heard(start + 12 * SECOND);
        assert_eq!(heartbeat.check(start + 21 * SECOND), Liveness::Alive);
        assert_eq!(heartbeat.check(start + 22 * SECOND), Liveness::Ping);
    }

    #[test]
    fn without_an_interval_every_peer_is_alive() {
        let start = Instant::now();
        let mut heartbeat = Heartbeat::new(None, start);
        assert_eq!(heartbeat.check(start + 1000 * SECOND), Liveness::Alive);
        assert_eq!(heartbeat.wait(start), None);
    }
}
