//! The deadlines of a connection.

use std::{fmt, time::Duration};

use crate::{
    close::CloseReason,
    connection::Phase,
    units::{ByteSize, Time},
};

/// Longest and shortest time between two sweeps. A sweep sees the beginning of a
/// phase, and its expiry, up to one interval late each: half a second together.
const LONGEST_TICK: Duration = Duration::from_millis(250);
const SHORTEST_TICK: Duration = Duration::from_millis(10);

/// The deadlines of a connection. It is closed within a second after one
/// expires, never before.
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
    /// From accept to the end of the TLS handshake.
    pub handshake: Duration,
    /// Between frames, without a byte.
    pub idle: Duration,
    /// From the first byte of a frame to its last.
    pub frame: Duration,
    /// For the peer to take any byte of a write.
    pub write: Duration,
    /// From accept to close.
    pub max_age: Option<Duration>,
    /// Maximum bytes to echo on one connection; exceeded by the traffic until
    /// the next sweep.
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

/// All of them, as logged at start.
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
            write!(f, ", {}", ByteSize(*bytes))?;
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

    /// `None` for a phase without a deadline here.
    pub(crate) const fn of(&self, phase: Phase) -> Option<(CloseReason, Duration)> {
        match phase {
            Phase::Handshake => Some((CloseReason::Handshake, self.handshake)),
            Phase::Between => Some((CloseReason::Idle, self.idle)),
            Phase::Inside => Some((CloseReason::FrameTimeout, self.frame)),
            Phase::Writing => Some((CloseReason::WriteTimeout, self.write)),
            Phase::Closing => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_deadline_sets_the_sweep_interval() {
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
