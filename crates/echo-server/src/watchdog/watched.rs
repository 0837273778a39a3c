//! The watchdog's state per connection, and the check for expiry.

use std::{
    net::Shutdown,
    time::{Duration, Instant},
};

use crate::{
    close::CloseReason,
    connection::{Connection, LINGER, Outcome, Phase, Traffic, WAKE_AFTER},
    deadlines::Deadlines,
};

/// The watchdog's state of a connection between two sweeps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watched {
    phase: Phase,
    /// The progress counter of this phase at the last sweep.
    progress: u64,
    /// When the current phase and progress were first seen.
    since: Instant,
    ending: Option<GracefulEnd>,
}

/// How a well-behaved connection ends, as when the server stops: received data
/// is echoed, then the peer gets time to read.
#[derive(Clone, Copy, Debug)]
struct GracefulEnd {
    /// When its thread is taken to wait for input; `None` once it is woken.
    wake_at: Option<Instant>,
    /// `None`: later than an instant can represent.
    cut_at: Option<Instant>,
}

impl GracefulEnd {
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
    /// A well-behaved connection gets `drain` to finish.
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
            // It has been waiting for long.
            CloseReason::Idle => (Duration::ZERO, LINGER),
            // It may be busy, and checks by itself.
            CloseReason::Age | CloseReason::Bytes => (WAKE_AFTER, drain),
            // Fails if the peer has closed already, which is harmless.
            _ => return drop(connection.stream.shutdown(Shutdown::Both)),
        };
        let ending = self.ending.insert(GracefulEnd {
            wake_at: now.checked_add(wake_after),
            cut_at: now.checked_add(cut_after),
        });
        ending.advance(connection, now);
    }

    /// How a connection in `phase` has to end, if it has to.
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
            // Bytes are not progress: a slow drip would never expire.
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

    /// Sweeps once per second over the traffic of each second; returns the
    /// outcome and after how many sweeps.
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
        // A handshake has no progress.
        let ended = check(&[(Phase::Handshake, moving); 10], &within(5));
        assert_eq!(
            ended.map(|(_, outcome)| outcome.reason),
            Some(CloseReason::Handshake)
        );
    }

    #[test]
    fn a_new_phase_restarts_its_deadline() {
        let phases = [Phase::Between, Phase::Inside, Phase::Writing];
        let seconds: Vec<_> = (0..30).map(|n| (phases[n / 2 % 3], NOTHING)).collect();
        assert_eq!(check(&seconds, &within(3)), None);
    }

    #[test]
    fn age_and_bytes_limit_busy_connections() {
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
}
