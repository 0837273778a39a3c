//! The state that a connection's thread and the watchdog share.

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

use strum::FromRepr;
use transport::Stream;

use crate::close::CloseReason;
pub(crate) use serve::{ServerSettings, serve};
use traffic::Counters;
pub use traffic::Traffic;

/// How long a busy connection has to notice that it must end. After that it is
/// taken to be waiting for input.
pub(crate) const WAKE_AFTER: Duration = Duration::from_millis(50);

/// How long, and how many bytes, to read from a peer after the decision to close.
/// Closing with unread bytes resets the connection, and a reset destroys what
/// the peer has not read yet.
pub(crate) const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: u64 = 64 * 1024;

/// A live connection.
///
/// In this field order, 48 bytes or more and the headers of the allocator and
/// `Arc` separate both sides of the counters that its thread writes on the hot
/// path: no cache line is shared with another connection's data. Aligning it to
/// a cache line would cost 128 bytes per connection.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Connection {
    pub(crate) stream: Stream,
    pub(crate) peer: SocketAddr,
    activity: Activity,
    pub(crate) accepted: Instant,
    /// Set once, by the first cause of the end.
    outcome: OnceLock<Outcome>,
}

/// Written by the connection's thread on the hot path. All accesses are
/// relaxed: they order nothing.
#[derive(Debug)]
struct Activity {
    counters: Counters,
    /// A [`Phase`].
    phase: AtomicU8,
}

/// What a connection's thread does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromRepr)]
#[repr(u8)]
pub(crate) enum Phase {
    /// In the TLS handshake.
    Handshake,
    /// Waiting for the first byte of a frame; of raw bytes, for any byte.
    Between,
    /// Waiting for the rest of a frame.
    Inside,
    /// Sending echoes.
    Writing,
    /// Echoing the rest once the end is decided, then lingering.
    Closing,
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) reason: CloseReason,
    /// How long it had lasted when its deadline expired; otherwise zero.
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

    /// Does the TLS handshake, if there is TLS.
    pub(crate) fn handshake(&self) -> io::Result<()> {
        self.stream.handshake(None)?;
        self.enter(Phase::Between);
        Ok(())
    }

    /// Stores the current phase of the thread.
    pub(crate) fn enter(&self, phase: Phase) {
        self.activity.phase.store(phase as u8, Ordering::Relaxed);
    }

    pub(crate) fn phase(&self) -> Phase {
        let phase = self.activity.phase.load(Ordering::Relaxed);
        Phase::from_repr(phase).unwrap_or(Phase::Closing)
    }

    /// The traffic counters, for the connection's thread to add to.
    pub(crate) const fn counters(&self) -> &Counters {
        &self.activity.counters
    }

    /// Wakes the thread if it waits for input; `false` if it does not.
    ///
    /// With unread data it does not wait, even if it gets no CPU. It notices the
    /// end by itself, and its peer, which may go on sending, sees no reset.
    pub(crate) fn wake_reader(&self) -> bool {
        let is_reading =
            !matches!(self.phase(), Phase::Writing | Phase::Closing) && self.stream.is_silent();
        if is_reading {
            // Fails if the peer has closed already, which is harmless.
            let _ = self.stream.shutdown(Shutdown::Read);
        }
        is_reading
    }

    /// All traffic so far.
    pub(crate) fn traffic(&self) -> Traffic {
        self.activity.counters.total()
    }

    /// Decides how the connection ends; `false` if that was decided before.
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

/// Why the server ended a connection, for the log.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let after = self.after.as_secs_f64();
        match self.reason {
            CloseReason::Handshake => write!(
                f,
                "the TLS handshake took longer than --handshake-timeout: {after:.1} s"
            ),
            CloseReason::Idle => write!(f, "no data for {after:.1} s, longer than --idle-timeout"),
            CloseReason::FrameTimeout => write!(
                f,
                "a frame was incomplete after {after:.1} s, longer than --frame-timeout"
            ),
            CloseReason::WriteTimeout => write!(
                f,
                "the peer read no echoes for {after:.1} s, longer than --write-timeout"
            ),
            CloseReason::Age => {
                write!(f, "open for {after:.1} s, longer than --max-connection-age")
            }
            CloseReason::Bytes => {
                write!(f, "--max-connection-bytes echoed in {after:.1} s")
            }
            other => other.fmt(f),
        }
    }
}
