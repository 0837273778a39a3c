//! What one run does: the command line, checked.

use std::{path::PathBuf, time::Duration};

use proto::{CHECKSUM_LEN, Framing, MaxFrame, Wire, Writer};
use transport::{Dialer, ServerTls, cli::UsageError};

use crate::{
    expect::Expect,
    load::{
        payload::{self, MARK_LEN},
        sizes::Sizes,
    },
    results::Arguments,
};

/// What one run does.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) server: Dialer,
    /// How the server in this process encrypts, if there is to be one.
    pub(crate) own_server: Option<ServerTls>,
    pub(crate) timeout: Duration,
    pub(crate) heartbeat: Option<Duration>,
    pub(crate) wire: Wire,
    pub(crate) read_buffer: Option<usize>,
    /// Bytes to collect before a write.
    pub(crate) write_buffer: usize,
    pub(crate) load: Load,
    pub(crate) messages: Messages,
    pub(crate) expect: Vec<Expect>,
    pub(crate) noise_floor: bool,
    pub(crate) output: Output,
    /// All of it as the results show it.
    pub(crate) arguments: Arguments,
}

impl Plan {
    /// What replies are read as: none is larger than the largest message, or
    /// decompresses to more.
    pub(crate) fn reply_wire(&self) -> Wire {
        let Wire::Framed(framing) = self.wire else {
            return Wire::Raw;
        };
        let checksum = if framing.checksum { CHECKSUM_LEN } else { 0 };
        let largest = self
            .messages
            .sizes
            .largest()
            .saturating_add(checksum as u64);
        Wire::Framed(Framing {
            max_frame: MaxFrame::new(largest).unwrap_or(framing.max_frame),
            ..framing
        })
    }

    /// Whether the frame limit allows a frame of `len` bytes.
    pub(crate) fn allows(&self, len: u64) -> bool {
        match self.wire {
            Wire::Framed(framing) => framing.max_frame.check(len).is_ok(),
            Wire::Raw => true,
        }
    }
}

/// How much is sent, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) connections: u64,
    /// Most messages in flight on a connection.
    pub(crate) pipeline: usize,
    pub(crate) pace: Pace,
    pub(crate) duration: Option<Duration>,
    pub(crate) requests: Option<u64>,
    pub(crate) warmup: Duration,
    pub(crate) ramp: Duration,
    /// How long before its time a sender stops sleeping.
    pub(crate) spin: Duration,
}

impl Load {
    /// How many of the messages connection `index` sends.
    pub(crate) fn share(&self, index: u64) -> u64 {
        match self.requests {
            Some(all) => all / self.connections + u64::from(index < all % self.connections),
            None => u64::MAX,
        }
    }

    /// When connection `index` is opened, after the load began.
    pub(crate) fn opening(&self, index: u64) -> Duration {
        self.ramp.mul_f64(index as f64 / self.connections as f64)
    }

    /// How long the schedule of all messages is; `None` without one.
    pub(crate) fn scheduled(&self) -> Option<Duration> {
        match (self.pace, self.requests) {
            (Pace::Open { rate }, Some(all)) => Duration::try_from_secs_f64(all as f64 / rate).ok(),
            _ => None,
        }
    }
}

/// When the next message is sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Pace {
    /// Once there is room in flight.
    Closed,
    /// When its time has come, at `rate` messages a second over all
    /// connections.
    Open { rate: f64 },
}

impl Pace {
    /// Longest time that a sender spins, and the share of one processor that
    /// all of them together may spend on it. A sleeping thread wakes up some
    /// ten microseconds late.
    const LONGEST_SPIN: Duration = Duration::from_micros(50);
    const SPIN_SHARE: f64 = 0.2;

    pub(crate) fn spin(self) -> Duration {
        match self {
            Self::Closed => Duration::ZERO,
            Self::Open { rate } => {
                Duration::from_secs_f64(Self::SPIN_SHARE / rate).min(Self::LONGEST_SPIN)
            }
        }
    }
}

/// What messages are.
#[derive(Clone, Debug)]
pub(crate) struct Messages {
    pub(crate) sizes: Sizes,
    pub(crate) seed: u64,
    /// 0: one byte repeated, 1: random bytes.
    pub(crate) entropy: f64,
    pub(crate) verify: bool,
}

impl Messages {
    /// What all messages have in common.
    pub(crate) fn body(&self) -> Vec<u8> {
        let largest = usize::try_from(self.sizes.largest()).unwrap_or(usize::MAX);
        payload::body(largest, self.seed, self.entropy)
    }

    /// Checks that every message can be sent as `wire` says. Compression
    /// makes some smaller, and none larger; so the largest is what counts.
    ///
    /// # Errors
    ///
    /// A size too large, in one line.
    pub(crate) fn check(&self, wire: Wire) -> Result<(), UsageError> {
        let largest = self.sizes.largest();
        // Bare bytes have no limit of their own; memory does.
        if largest > u64::from(proto::MAX_LEN) {
            let max = proto::MAX_LEN;
            return Err(UsageError(format!(
                "--size: {largest} bytes exceed the limit of {max}"
            )));
        }
        // Random bytes do not shrink.
        let incompressible = Self {
            entropy: 1.0,
            ..self.clone()
        };
        let body = incompressible.body();
        let len = usize::try_from(largest).unwrap_or(MARK_LEN);
        Writer::new(wire)
            .add(body.get(..len).unwrap_or_default())
            .map_err(|error| UsageError(format!("--size against --max-frame: {error}")))
    }
}

/// Where results go, besides the terminal.
#[derive(Clone, Debug, Default)]
pub(crate) struct Output {
    /// `-` is stdout, in place of the summary.
    pub(crate) json: Option<PathBuf>,
    pub(crate) hdr: Option<PathBuf>,
    pub(crate) report: Option<PathBuf>,
}
