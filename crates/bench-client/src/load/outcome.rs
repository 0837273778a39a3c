//! What a run brings, and what is shown of it meanwhile.

use std::time::{Duration, SystemTime};

use super::{Failures, Measured};
use crate::results::Second;

/// What a run brought.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) started: SystemTime,
    /// Whether a signal came before the end that was asked for, or before all
    /// replies were there.
    pub(crate) interrupted: bool,
    /// From the end of the warm-up to the end of the run.
    pub(crate) elapsed: Duration,
    pub(crate) measured: Measured,
    pub(crate) series: Vec<Second>,
    pub(crate) failures: Failures,
    pub(crate) opened: u64,
    /// Open connections that had nothing to send.
    pub(crate) idle: u64,
    /// Right replies of each connection that was opened, in their order.
    pub(crate) replies_by_connection: Vec<u64>,
    /// Messages that count: sent, with a right reply, without any reply, and
    /// due but never sent.
    pub(crate) sent: u64,
    pub(crate) replies: u64,
    pub(crate) unanswered: u64,
    pub(crate) unsent: u64,
    /// Right replies within the window.
    pub(crate) inside: u64,
    pub(crate) reads: u64,
    pub(crate) writes: u64,
    pub(crate) in_flight: InFlight,
    pub(crate) cpu: CpuTime,
    /// Whether the server is on this host, by the addresses of both ends; `None`
    /// without a connection.
    pub(crate) is_same_host: Option<bool>,
}

/// Messages in flight over all connections, the mean of the window: found in two
/// ways that do not depend on each other.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct InFlight {
    /// By counting them again and again.
    pub(crate) sampled: f64,
    pub(crate) samples: u64,
    /// By the times from each send to its reply.
    pub(crate) by_latency: f64,
}

/// CPU time within the window.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CpuTime {
    /// Of all connections' threads, and of the one that used the most.
    pub(crate) connections: Duration,
    pub(crate) busiest: Duration,
    /// Of the thread that starts, samples and ends them.
    pub(crate) conductor: Option<Duration>,
    /// Of the whole process.
    pub(crate) process: Option<Duration>,
    /// The busy share of all CPUs, whoever used them.
    pub(crate) host_share: Option<f64>,
}

impl Outcome {
    pub(crate) fn new(has_schedule: bool) -> Self {
        Self {
            started: SystemTime::now(),
            interrupted: false,
            elapsed: Duration::ZERO,
            measured: Measured::new(has_schedule),
            series: Vec::new(),
            failures: Failures::default(),
            opened: 0,
            idle: 0,
            replies_by_connection: Vec::new(),
            sent: 0,
            replies: 0,
            unanswered: 0,
            unsent: 0,
            inside: 0,
            reads: 0,
            writes: 0,
            in_flight: InFlight::default(),
            cpu: CpuTime::default(),
            is_same_host: None,
        }
    }
}

/// What a run is shown to while it lasts.
pub(crate) trait Watch {
    /// The load begins.
    fn started(&mut self, at: SystemTime);

    /// A second is over.
    fn second(&mut self, second: &Second, length: Duration);

    /// These messages are in the results, a part after the other: those of
    /// `length`, from `start` after the load began on.
    fn interval(&mut self, start: Duration, length: Duration, measured: &Measured);

    /// Sending is over, and these replies are waited for, for `left` at most.
    fn waiting(&mut self, in_flight: u64, left: Duration);
}

/// Shows a run to no one.
pub(crate) struct Unwatched;

impl Watch for Unwatched {
    fn started(&mut self, _: SystemTime) {}

    fn second(&mut self, _: &Second, _: Duration) {}

    fn interval(&mut self, _: Duration, _: Duration, _: &Measured) {}

    fn waiting(&mut self, _: u64, _: Duration) {}
}
