//! How long a connection may take for what, and what has expired.

use std::{
    fmt,
    net::Shutdown,
    time::{Duration, Instant},
};

use crate::{
    close::CloseReason,
    connection::{AT_WORK, Connection, LINGER, Outcome, Phase, Traffic},
    units::{Bytes, Time},
};

/// Longest and shortest time between two looks at the connections. What a
/// sweep finds began after the one before, and it is found too late by less
/// than another interval: half a second for both.
const LONGEST_TICK: Duration = Duration::from_millis(250);
const SHORTEST_TICK: Duration = Duration::from_millis(10);

/// How long a connection may take for what. It is ended within a second of
/// that, and never before.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// let mut deadlines = echo_server::Deadlines::default();
/// deadlines.idle = Duration::from_secs(90);
/// assert_eq!(
///     deadlines.to_string(),
///     "idle 90 s, frame 30 s, write 30 s, handshake 10 s"
/// );
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Deadlines {
    /// From being accepted to the end of the TLS handshake.
    pub handshake: Duration,
    /// Without a byte, between frames.
    pub idle: Duration,
    /// From the first byte of a frame to its last.
    pub frame: Duration,
    /// For the peer to make room for the bytes of one write.
    pub write: Duration,
    /// From being accepted to the end.
    pub max_age: Option<Duration>,
    /// Most bytes to echo on one connection; it may be exceeded by what flows
    /// until the next sweep.
    pub max_bytes: Option<u64>,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(10),
            idle: Duration::from_mins(5),
            frame: Duration::from_secs(30),
            write: Duration::from_secs(30),
            max_age: None,
            max_bytes: None,
        }
    }
}

/// All of them, as the log says them at start.
impl fmt::Display for Deadlines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            handshake,
            idle,
            frame,
            write,
            max_age,
            max_bytes,
        } = self;
        write!(
            f,
            "idle {}, frame {}, write {}, handshake {}",
            Time(*idle),
            Time(*frame),
            Time(*write),
            Time(*handshake),
        )?;
        if let Some(age) = max_age {
            write!(f, ", age {}", Time(*age))?;
        }
        if let Some(bytes) = max_bytes {
            write!(f, ", {}", Bytes(*bytes))?;
        }
        Ok(())
    }
}

impl Deadlines {
    /// How often to sweep: four times within the shortest deadline.
    pub(crate) fn tick(&self) -> Duration {
        let shortest = [self.handshake, self.idle, self.frame, self.write]
            .into_iter()
            .chain(self.max_age)
            .min()
            .unwrap_or(LONGEST_TICK);
        (shortest / 4).clamp(SHORTEST_TICK, LONGEST_TICK)
    }

    /// `None` for a phase that ends by itself.
    const fn of(&self, phase: Phase) -> Option<(CloseReason, Duration)> {
        match phase {
            Phase::Handshake => Some((CloseReason::Handshake, self.handshake)),
            Phase::Between => Some((CloseReason::Idle, self.idle)),
            Phase::Inside => Some((CloseReason::FrameTimeout, self.frame)),
            Phase::Writing => Some((CloseReason::WriteTimeout, self.write)),
            Phase::Closing => None,
        }
    }
}

/// What the watchdog remembers of a connection between two sweeps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watched {
    phase: Phase,
    /// What had counted as progress in this phase at the last sweep.
    progress: u64,
    /// When it was first seen to be where it is now.
    since: Instant,
    ending: Option<Ending>,
}

/// How a connection ends that has done nothing wrong: as all do when the server
/// stops. What had arrived is echoed, then the peer may take its time.
#[derive(Clone, Copy, Debug)]
struct Ending {
    /// When its thread seems to wait for more to read, if it has not been woken.
    wake_at: Option<Instant>,
    /// `None`: later than an instant can be.
    cut_at: Option<Instant>,
}

impl Ending {
    fn advance(&mut self, connection: &Connection, now: Instant) {
        if self.cut_at.is_some_and(|at| at <= now) {
            let _ = connection.stream.shutdown(Shutdown::Both);
        } else if self.wake_at.is_some_and(|at| at <= now) && connection.wake_reader() {
            self.wake_at = None;
        }
    }
}

impl Watched {
    pub(crate) fn new(connection: &Connection) -> Self {
        Self {
            phase: connection.phase(),
            progress: 0,
            since: connection.accepted,
            ending: None,
        }
    }

    /// Checks the connection, and ends it if it is past a deadline or a limit.
    /// It may take `drain` to finish where it has done nothing wrong.
    pub(crate) fn sweep(
        &mut self,
        connection: &Connection,
        now: Instant,
        deadlines: &Deadlines,
        drain: Duration,
    ) {
        if let Some(ending) = &mut self.ending {
            return ending.advance(connection, now);
        }
        if connection.outcome().is_some() {
            return;
        }
        let (phase, traffic) = (connection.phase(), connection.traffic());
        let Some(outcome) = self.check(phase, &traffic, connection.accepted, now, deadlines) else {
            return;
        };
        if !connection.decide(outcome) {
            return;
        }
        let (wake_after, cut_after) = match outcome.reason {
            // It has waited for long.
            CloseReason::Idle => (Duration::ZERO, LINGER),
            // It may be at work, and finds out by itself.
            CloseReason::Age | CloseReason::Bytes => (AT_WORK, drain),
            // One that the peer has closed already cannot be shut down.
            _ => return drop(connection.stream.shutdown(Shutdown::Both)),
        };
        let ending = self.ending.insert(Ending {
            wake_at: now.checked_add(wake_after),
            cut_at: now.checked_add(cut_after),
        });
        ending.advance(connection, now);
    }

    /// Says how a connection that is in `phase` has to end, if it has to.
    fn check(
        &mut self,
        phase: Phase,
        traffic: &Traffic,
        accepted: Instant,
        now: Instant,
        deadlines: &Deadlines,
    ) -> Option<Outcome> {
        let progress = match phase {
            Phase::Handshake | Phase::Closing => 0,
            Phase::Between => traffic.reads,
            // Bytes do not count: a slow drip would go on for ever.
            Phase::Inside => traffic.frames,
            Phase::Writing => traffic.writes,
        };
        if (phase, progress) != (self.phase, self.progress) {
            self.phase = phase;
            self.progress = progress;
            self.since = now;
        }
        let expired = |since: Instant, (reason, most): (CloseReason, Duration)| {
            let after = now.saturating_duration_since(since);
            (after >= most).then_some(Outcome { reason, after })
        };
        deadlines
            .of(phase)
            .and_then(|deadline| expired(self.since, deadline))
            .or_else(|| expired(accepted, (CloseReason::Age, deadlines.max_age?)))
            .or_else(|| {
                let is_over = deadlines
                    .max_bytes
                    .is_some_and(|most| traffic.bytes >= most);
                let after = now.saturating_duration_since(accepted);
                is_over.then_some(Outcome {
                    reason: CloseReason::Bytes,
                    after,
                })
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const NOTHING: Traffic = Traffic {
        frames: 0,
        bytes: 0,
        payload_bytes: 0,
        reads: 0,
        split_reads: 0,
        writes: 0,
    };

    /// Sweeps every second over what each second brought; says what came of it
    /// and after how many sweeps.
    fn check(seconds: &[(Phase, Traffic)], deadlines: &Deadlines) -> Option<(usize, Outcome)> {
        let start = Instant::now();
        let mut watch = Watched {
            phase: Phase::Between,
            progress: 0,
            since: start,
            ending: None,
        };
        let (mut now, mut total) = (start, NOTHING);
        seconds
            .iter()
            .enumerate()
            .find_map(|(n, (phase, traffic))| {
                now += SECOND;
                total += *traffic;
                let outcome = watch.check(*phase, &total, start, now, deadlines)?;
                Some((n + 1, outcome))
            })
    }

    fn within(seconds: u32) -> Deadlines {
        Deadlines {
            handshake: seconds * SECOND,
            idle: seconds * SECOND,
            frame: seconds * SECOND,
            write: seconds * SECOND,
            ..Deadlines::default()
        }
    }

    #[test]
    fn a_slow_drip_counts_for_idleness_and_not_for_a_frame() {
        let drip = Traffic {
            reads: 1,
            split_reads: 1,
            ..NOTHING
        };
        let after = 3 * SECOND;
        let reason = CloseReason::FrameTimeout;
        assert_eq!(
            check(&[(Phase::Inside, drip); 10], &within(3)),
            Some((4, Outcome { reason, after }))
        );
        assert_eq!(check(&[(Phase::Between, drip); 10], &within(3)), None);
    }

    #[test]
    fn each_phase_has_its_deadline_and_its_progress() {
        let moving = Traffic {
            frames: 1,
            reads: 1,
            writes: 1,
            ..NOTHING
        };
        for (phase, reason) in [
            (Phase::Between, CloseReason::Idle),
            (Phase::Inside, CloseReason::FrameTimeout),
            (Phase::Writing, CloseReason::WriteTimeout),
        ] {
            let ended = check(&[(phase, NOTHING); 10], &within(5));
            assert_eq!(ended.map(|(_, outcome)| outcome.reason), Some(reason));
            assert_eq!(check(&[(phase, moving); 10], &within(5)), None);
        }
        // Nothing is progress in a handshake.
        let ended = check(&[(Phase::Handshake, moving); 10], &within(5));
        assert_eq!(
            ended.map(|(_, outcome)| outcome.reason),
            Some(CloseReason::Handshake)
        );
    }

    #[test]
    fn a_new_phase_begins_anew() {
        let phases = [Phase::Between, Phase::Inside, Phase::Writing];
        let seconds: Vec<_> = (0..30).map(|n| (phases[n / 2 % 3], NOTHING)).collect();
        assert_eq!(check(&seconds, &within(3)), None);
    }

    #[test]
    fn age_and_bytes_are_limits_of_the_busy() {
        let busy = Traffic {
            reads: 1,
            bytes: 100,
            ..NOTHING
        };
        let mut deadlines = within(3);
        assert_eq!(check(&[(Phase::Between, busy); 100], &deadlines), None);
        deadlines.max_bytes = Some(1000);
        let (sweeps, outcome) =
            check(&[(Phase::Between, busy); 100], &deadlines).unwrap_or_else(|| {
                unreachable!("100 sweeps");
            });
        assert_eq!((sweeps, outcome.reason), (10, CloseReason::Bytes));
        deadlines.max_age = Some(5 * SECOND);
        let ended = check(&[(Phase::Between, busy); 100], &deadlines);
        assert_eq!(
            ended.map(|(n, outcome)| (n, outcome.reason)),
            Some((5, CloseReason::Age))
        );
    }

    #[test]
    fn sweeps_are_as_frequent_as_the_shortest_deadline_needs() {
        assert_eq!(Deadlines::default().tick(), LONGEST_TICK);
        let tick = |idle| {
            Deadlines {
                idle,
                ..Deadlines::default()
            }
            .tick()
        };
        assert_eq!(tick(Duration::from_millis(200)), Duration::from_millis(50));
        assert_eq!(tick(Duration::from_nanos(1)), SHORTEST_TICK);
    }
}
