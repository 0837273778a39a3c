//! What one run does: the command line, checked.

use std::time::{Duration, Instant, SystemTime};

use bench_report::{Expect, export::Output, results::Arguments, statistics::Until};
use cli::{CpuList, UsageError, args::ClientSettings};
use proto::{CHECKSUM_LEN, Framing, MaxFrame, Wire};
use transport::{Dialer, ServerTls};

use crate::{rank::Rank, sizes::Sizes, start::time_left};

/// Payload of the frames of a load beside the run.
pub(crate) const BULK_BYTES: u64 = 64 << 10;

/// What one run does.
#[derive(Clone, Debug)]
pub(crate) struct RunPlan {
    /// What was requested, as the results show it.
    pub(crate) arguments: Arguments,
    /// The part of it that is this process's.
    pub(crate) rank: Rank,
    pub(crate) launched: SystemTime,
    /// When to begin to measure.
    pub(crate) start_at: Option<SystemTime>,
    pub(crate) client: ClientSettings,
    /// How the server in this process encrypts.
    pub(crate) server_tls: Option<ServerTls>,
    pub(crate) cpus: Option<CpuList>,
    pub(crate) sizes: Sizes,
    pub(crate) until: Option<Until>,
    pub(crate) expect: Vec<Expect>,
    pub(crate) noise_floor: bool,
    pub(crate) outputs: Vec<Output>,
}

/// When the next message is sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Pace {
    /// Once there is room in flight.
    Closed,
    /// When its time has come, at `rate` messages per second over all
    /// connections.
    Open { rate: f64 },
}

impl RunPlan {
    pub(crate) fn pace(&self) -> Pace {
        self.arguments
            .rate
            .map_or(Pace::Closed, |rate| Pace::Open { rate })
    }

    /// When the load is to begin, the warm-up first; `None` is as soon as possible.
    ///
    /// # Errors
    ///
    /// A time that is past, in one line.
    pub(crate) fn load_start(&self) -> Result<Option<Instant>, String> {
        let Some(at) = self.start_at else {
            return Ok(None);
        };
        let (now, warmup) = (Instant::now(), self.arguments.warmup);
        let left = time_left(at, warmup, SystemTime::now())?;
        Ok(now.checked_add(left.saturating_sub(warmup)))
    }

    /// Connections of this process.
    pub(crate) fn connections(&self) -> u64 {
        self.rank.share(self.arguments.connections)
    }

    /// How many of the messages connection `index` sends.
    pub(crate) fn share(&self, index: u64) -> u64 {
        let connections = self.arguments.connections;
        let number = self.rank.number(index);
        match self.arguments.requests {
            Some(all) => all / connections + u64::from(number < all % connections),
            None => u64::MAX,
        }
    }

    /// How connection `index` reaches the server: they take the local addresses in
    /// turn.
    pub(crate) fn dialer(&self, index: u64) -> Dialer {
        let mut dialer = self.client.dialer.clone();
        let sources = &self.arguments.sources;
        let turn = index.checked_rem(sources.len() as u64);
        let turn = turn.and_then(|turn| usize::try_from(turn).ok());
        dialer.network.source = turn.and_then(|turn| sources.get(turn)).copied();
        dialer
    }

    /// Of a run with a load beside it, when the idle part ends, and when the loaded
    /// one begins, after the load began: the first moments of the load, a tenth of
    /// its time and one second at most, are in neither.
    pub(crate) fn load_edges(&self) -> Option<[Duration; 2]> {
        let _ = self.arguments.load?;
        let half = self.arguments.duration? / 2;
        let idle = self.arguments.warmup + half;
        Some([idle, idle + (half / 10).min(Duration::from_secs(1))])
    }

    /// What a load beside the run does: bulk frames, one in flight on each connection.
    pub(crate) fn bulk(&self) -> Option<Self> {
        let [_, start] = self.load_edges()?;
        let mut plan = self.clone();
        let end = self.arguments.warmup + self.arguments.duration?;
        plan.sizes = Sizes::parse(&BULK_BYTES.to_string()).ok()?;
        plan.until = None;
        plan.arguments = Arguments {
            connections: self.arguments.load?,
            load: None,
            pipeline: 1,
            rate: None,
            per_connection: None,
            warmup: start,
            duration: Some(end.saturating_sub(start)),
            ramp: Duration::ZERO,
            ..self.arguments.clone()
        };
        Some(plan)
    }

    /// When connection `index` is opened, after the load began.
    pub(crate) fn opening(&self, index: u64) -> Duration {
        let arguments = &self.arguments;
        let share = self.rank.number(index) as f64 / arguments.connections as f64;
        arguments.ramp.mul_f64(share)
    }

    /// How long the schedule of all messages is; `None` without one.
    pub(crate) fn scheduled(&self) -> Option<Duration> {
        let all = self.arguments.requests? as f64;
        Duration::try_from_secs_f64(all / self.arguments.rate?).ok()
    }

    /// How long before its time a sender stops sleeping.
    pub(crate) fn spin(&self) -> Duration {
        /// Longest time that a sender spins, and the share of one CPU that all of
        /// them together may spend on it. A sleeping thread wakes up some ten
        /// microseconds late.
        const LONGEST: Duration = Duration::from_micros(50);
        const SHARE: f64 = 0.2;

        let ranks = self.rank.ranks() as f64;
        match self.pace() {
            Pace::Closed => Duration::ZERO,
            Pace::Open { rate } => Duration::from_secs_f64(SHARE * ranks / rate)
                .min(LONGEST)
                .max(self.client.spin),
        }
    }

    /// What replies are read as: none is larger than the largest message, or
    /// decompresses to more.
    pub(crate) fn reply_wire(&self) -> Wire {
        match self.client.wire {
            Wire::Raw => Wire::Raw,
            Wire::Framed(framing) => Wire::Framed(Framing {
                max_frame: MaxFrame::new(self.largest_frame()).unwrap_or(framing.max_frame),
                ..framing
            }),
        }
    }

    /// What follows the header of the largest message, in bytes. Compression
    /// makes some smaller, and none larger.
    fn largest_frame(&self) -> u64 {
        let checksum = if self.arguments.checksum {
            CHECKSUM_LEN
        } else {
            0
        };
        self.sizes.largest().saturating_add(checksum as u64)
    }

    /// Whether the frame limit allows a frame of `len` bytes.
    pub(crate) fn allows(&self, len: u64) -> bool {
        match self.client.wire {
            Wire::Framed(framing) => framing.max_frame.check(len).is_ok(),
            Wire::Raw => true,
        }
    }

    /// Checks that every message can be sent, those of a load included.
    ///
    /// # Errors
    ///
    /// A size too large, in one line.
    pub(crate) fn check_sizes(&self) -> Result<(), UsageError> {
        let (largest, max) = (self.sizes.largest(), proto::MAX_LEN);
        // Raw bytes have no limit of their own; memory does.
        if largest > u64::from(max) {
            let what = format!("--size: {largest} bytes exceed the limit of {max}");
            return Err(UsageError(what));
        }
        let Wire::Framed(framing) = self.client.wire else {
            return Ok(());
        };
        let checked = framing.max_frame.check(self.largest_frame());
        checked.map_err(|error| UsageError(format!("--size against --max-frame: {error}")))?;
        if let Some(bulk) = self.bulk() {
            let checked = framing.max_frame.check(bulk.largest_frame());
            checked.map_err(|error| UsageError(format!("--load against --max-frame: {error}")))?;
        }
        Ok(())
    }
}
