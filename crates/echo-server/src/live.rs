//! A connection that is alive, as its own thread and the watcher share it.

use std::{
    fmt, io,
    net::SocketAddr,
    sync::{
        OnceLock,
        atomic::{AtomicU8, Ordering},
    },
    time::{Duration, Instant},
};

use proto::Batch;
use transport::Stream;

use crate::{
    close::Close,
    traffic::{Counters, Traffic},
};

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
    /// Set once, by whoever ends the connection first.
    fate: OnceLock<Fate>,
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
pub(crate) struct Fate {
    pub(crate) close: Close,
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
            fate: OnceLock::new(),
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

    /// Counts one read and what it brought.
    pub(crate) fn count_read(&self, batch: &Batch<'_>) {
        self.activity.counters.count_read(batch);
    }

    /// Counts one write.
    pub(crate) fn count_write(&self) {
        self.activity.counters.count_write();
    }

    /// All traffic so far.
    pub(crate) fn traffic(&self) -> Traffic {
        self.activity.counters.total()
    }

    /// Decides how the connection ends; `false` when that was decided before.
    pub(crate) fn decide(&self, fate: Fate) -> bool {
        self.fate.set(fate).is_ok()
    }

    /// How the connection ends, once that is decided.
    pub(crate) fn fate(&self) -> Option<Fate> {
        self.fate.get().copied()
    }
}

impl From<Close> for Fate {
    fn from(close: Close) -> Self {
        Self {
            close,
            after: Duration::ZERO,
        }
    }
}

/// Why the server ended a connection, as the log says it.
impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let after = self.after.as_secs_f64();
        match self.close {
            Close::Handshake => write!(
                f,
                "the TLS handshake took longer than --handshake-timeout: {after:.1} s"
            ),
            Close::Idle => write!(
                f,
                "nothing came for {after:.1} s, longer than --idle-timeout"
            ),
            Close::FrameTimeout => write!(
                f,
                "a frame was not whole after {after:.1} s, longer than --frame-timeout"
            ),
            Close::WriteTimeout => write!(
                f,
                "the peer left its echoes unread for {after:.1} s, longer than --write-timeout"
            ),
            Close::Age => write!(f, "open for {after:.1} s, longer than --max-connection-age"),
            Close::Bytes => write!(f, "more than --max-connection-bytes echoed in {after:.1} s"),
            other => other.fmt(f),
        }
    }
}
