//! A connection that is alive, as its own thread and the watchdog share it.

mod input;
mod serve;
mod traffic;

use std::{
    fmt, io,
    net::{Shutdown, SocketAddr},
    sync::{
        OnceLock,
        atomic::{AtomicU8, Ordering},
    },
    time::{Duration, Instant},
};

use transport::Stream;

use crate::close::CloseReason;
pub(crate) use serve::{ServerSettings, serve};
use traffic::Counters;
pub use traffic::Traffic;

/// How long a connection that is at work has to notice that it is to end. After
/// that it seems to wait for something to read.
pub(crate) const AT_WORK: Duration = Duration::from_millis(50);

/// What a peer that is being closed may still be sending, in time and bytes.
/// Closing with bytes unread resets the connection, and a reset destroys what
/// the peer has not read yet.
pub(crate) const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: u64 = 64 * 1024;

/// A connection that is alive.
///
/// In this order there are 48 bytes and more on both sides of what its thread
/// writes on the hot path, and the allocator's and `Arc`'s own: no other
/// connection's data shares a cache line with it. To align it to one would cost
/// 128 bytes for each connection.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Connection {
    pub(crate) stream: Stream,
    pub(crate) peer: SocketAddr,
    activity: Activity,
    pub(crate) accepted: Instant,
    /// Set once, by what ends the connection first.
    outcome: OnceLock<Outcome>,
}

/// What the connection's thread writes on the hot path. Everything is relaxed:
/// nothing is ordered by it.
#[derive(Debug)]
struct Activity {
    counters: Counters,
    /// A [`Phase`].
    phase: AtomicU8,
}

/// What a connection's thread is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Phase {
    /// Agreeing on keys.
    Handshake,
    /// Waiting for a frame to begin; of bare bytes, for any.
    Between,
    /// Waiting for the rest of a frame.
    Inside,
    /// Sending echoes.
    Writing,
    /// Waiting for the peer to take the end.
    Closing,
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) reason: CloseReason,
    /// How long what ended it had lasted, where that is why.
    pub(crate) after: Duration,
}

impl Connection {
    pub(crate) fn new(stream: Stream, peer: SocketAddr) -> Self {
        let phase = if stream.has_handshake() {
            Phase::Handshake
        } else {
            Phase::Between
        };
        Self {
            stream,
            peer,
            accepted: Instant::now(),
            outcome: OnceLock::new(),
            activity: Activity {
                counters: Counters::default(),
                phase: AtomicU8::new(phase as u8),
            },
        }
    }

    /// Makes the TLS handshake, if there is one to make.
    pub(crate) fn handshake(&self) -> io::Result<()> {
        self.stream.handshake(None)?;
        self.enter(Phase::Between);
        Ok(())
    }

    /// Notes what the thread does from now on.
    pub(crate) fn enter(&self, phase: Phase) {
        self.activity.phase.store(phase as u8, Ordering::Relaxed);
    }

    pub(crate) fn phase(&self) -> Phase {
        const PHASES: [Phase; 4] = [
            Phase::Handshake,
            Phase::Between,
            Phase::Inside,
            Phase::Writing,
        ];
        let phase = self.activity.phase.load(Ordering::Relaxed);
        let phase = PHASES.get(usize::from(phase));
        phase.copied().unwrap_or(Phase::Closing)
    }

    /// What went through so far, for its thread to add to.
    pub(crate) const fn counters(&self) -> &Counters {
        &self.activity.counters
    }

    /// Wakes the thread up if it waits for something to read; `false` where it
    /// does not.
    ///
    /// Where a system discards what has arrived when reading is shut down, that
    /// is nothing by now: else the thread would be at work.
    pub(crate) fn wake_reader(&self) -> bool {
        let is_reading = !matches!(self.phase(), Phase::Writing | Phase::Closing);
        if is_reading {
            // One that the peer has closed already cannot be shut down.
            let _ = self.stream.shutdown(Shutdown::Read);
        }
        is_reading
    }

    /// All traffic so far.
    pub(crate) fn traffic(&self) -> Traffic {
        self.activity.counters.total()
    }

    /// Decides how the connection ends; `false` when that was decided before.
    pub(crate) fn decide(&self, outcome: Outcome) -> bool {
        self.outcome.set(outcome).is_ok()
    }

    /// How the connection ends, once that is decided.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        self.outcome.get().copied()
    }
}

impl From<CloseReason> for Outcome {
    fn from(reason: CloseReason) -> Self {
        Self {
            reason,
            after: Duration::ZERO,
        }
    }
}

/// Why the server ended a connection, as the log says it.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let after = self.after.as_secs_f64();
        match self.reason {
            CloseReason::Handshake => write!(
                f,
                "the TLS handshake took longer than --handshake-timeout: {after:.1} s"
            ),
            CloseReason::Idle => write!(
                f,
                "nothing came for {after:.1} s, longer than --idle-timeout"
            ),
            CloseReason::FrameTimeout => write!(
                f,
                "a frame was not whole after {after:.1} s, longer than --frame-timeout"
            ),
            CloseReason::WriteTimeout => write!(
                f,
                "the peer left its echoes unread for {after:.1} s, longer than --write-timeout"
            ),
            CloseReason::Age => {
                write!(f, "open for {after:.1} s, longer than --max-connection-age")
            }
            CloseReason::Bytes => {
                write!(f, "more than --max-connection-bytes echoed in {after:.1} s")
            }
            other => other.fmt(f),
        }
    }
}
