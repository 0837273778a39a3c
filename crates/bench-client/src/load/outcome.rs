//! What a run brings, and who is shown it meanwhile.

use std::time::{Duration, SystemTime};

use anyhow::Result;

use super::{Failures, Measured};
use crate::results::Second;

/// What a run brought.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) started: SystemTime,
    /// From the end of the warm-up to the last reply, or to the end that was
    /// asked for, whichever is later.
    pub(crate) elapsed: Duration,
    pub(crate) measured: Measured,
    pub(crate) series: Vec<Second>,
    /// Right replies of each connection that was opened.
    pub(crate) replies: Vec<u64>,
    pub(crate) opened: u64,
    pub(crate) failures: Failures,
    pub(crate) sent: u64,
    pub(crate) unanswered: u64,
    pub(crate) reads: u64,
    pub(crate) writes: u64,
    /// Mean of the messages in flight.
    pub(crate) in_flight: f64,
    /// Processor time of the connections' threads, and of the whole process.
    pub(crate) cpu_threads: Duration,
    pub(crate) cpu_process: Option<Duration>,
    pub(crate) host_share: Option<f64>,
}

impl Outcome {
    pub(crate) fn new(has_schedule: bool) -> Self {
        Self {
            started: SystemTime::now(),
            elapsed: Duration::ZERO,
            measured: Measured::new(has_schedule),
            series: Vec::new(),
            replies: Vec::new(),
            opened: 0,
            failures: Failures::default(),
            sent: 0,
            unanswered: 0,
            reads: 0,
            writes: 0,
            in_flight: 0.0,
            cpu_threads: Duration::ZERO,
            cpu_process: None,
            host_share: None,
        }
    }
}

/// Whoever is shown a run while it lasts.
pub(crate) trait Watch {
    /// A second is over; `measured` is what it brought.
    ///
    /// # Errors
    ///
    /// Why the run should end.
    fn second(&mut self, second: &Second, length: Duration, measured: &Measured) -> Result<()>;
}
