//! The thread that starts a load, samples it, and ends it.
//!
//! | file | what |
//! | --- | --- |
//! | `opening` | the begin: connections open, and the load starts |
//! | `tick` | what is due while it lasts |
//! | `progress` | how far it is |
//! | `seconds` | the series |
//! | `finish` | the end, and the outcome |

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use anyhow::{Error, Result};
use bench_report::{CpuTime, LoadOutcome, results::Second, statistics::PrecisionWatch};
use cli::{format::plural, signals::Stop};

use super::{
    Bulk, Done, Failure, Failures, Link, Shared, ThreadReport, Watch, kernel::KernelView,
    measured::Measured, recorder::Interval, slices::Slices, usage::Usage,
};
use crate::plan::{Pace, RunPlan};

mod finish;
mod opening;
mod progress;
mod seconds;
mod tick;

use progress::{LoadPhase, Progress};

/// Time between two samples of what is in flight, in nanoseconds.
const SAMPLE_INTERVAL_NS: u64 = 10_000_000;

/// Time between two entries of the series.
const SECOND_NS: u64 = 1_000_000_000;

/// How long threads may take to end once all their messages have timed out.
const GRACE: Duration = Duration::from_secs(5);

pub(super) struct Conductor<'a> {
    shared: &'a Arc<Shared>,
    /// When the load is to begin; `None` is once connections are open.
    start: Option<Instant>,
    stop: &'a Stop,
    inbox: Receiver<ThreadReport>,
    watch: &'a mut dyn Watch,
    links: Vec<Arc<Link>>,
    /// Connections whose threads have not said whether they could open.
    opening: u64,
    running: usize,
    first_error: Option<Error>,
    /// Failures of connections that were never open, or whose threads did not end.
    not_opened: Failures,
    done: Vec<Done>,
    /// Whether a signal came before the end that was requested, or before all
    /// replies had come.
    is_interrupted: bool,
    series: Vec<Second>,
    /// All samples but those of `current`.
    measured: Measured,
    /// The same, slice by slice.
    slices: Slices,
    /// What came since the last entry of the series.
    current: Interval,
    /// The sum of the samples of messages in flight, and how many there were.
    in_flight: u64,
    in_flight_samples: u64,
    cpu: CpuTime,
    bulk: Option<Bulk>,
    /// Ends the run once the figure of `--until` is known well.
    precision: Option<PrecisionWatch>,
    /// Of Poisson arrivals, as they were sent.
    gaps: Vec<f64>,
    /// The connections when the measurement began.
    view_before: Option<KernelView>,
    progress: Option<Progress>,
}

impl<'a> Conductor<'a> {
    pub(super) fn new(
        shared: &'a Arc<Shared>,
        start: Option<Instant>,
        stop: &'a Stop,
        inbox: Receiver<ThreadReport>,
        watch: &'a mut dyn Watch,
    ) -> Self {
        let has_schedule = shared.plan.pace() != Pace::Closed;
        Self {
            shared,
            start,
            stop,
            inbox,
            watch,
            links: Vec::new(),
            opening: shared.plan.connections(),
            running: 0,
            first_error: None,
            not_opened: Failures::default(),
            done: Vec::new(),
            is_interrupted: false,
            series: Vec::new(),
            measured: Measured::new(has_schedule),
            slices: Slices::new(shared.plan.arguments.duration),
            current: Interval::new(has_schedule),
            in_flight: 0,
            in_flight_samples: 0,
            cpu: CpuTime::default(),
            bulk: Bulk::open(&shared.plan),
            precision: precision_watch(&shared.plan),
            gaps: Vec::new(),
            view_before: None,
            progress: None,
        }
    }

    /// The connections, if they last as long as the run.
    fn view(&self) -> Option<KernelView> {
        let is_lasting = self.shared.plan.arguments.per_connection.is_none();
        is_lasting.then(|| KernelView::now(&self.links)).flatten()
    }

    /// Runs the load to its end.
    pub(super) fn conduct(mut self) -> Result<LoadOutcome> {
        while !self.is_over()? {
            match self.inbox.recv_timeout(self.wait()) {
                Ok(ThreadReport::Opened(opened)) => self.opened(opened),
                Ok(ThreadReport::Reopened(link)) => self.reopened(link),
                Ok(ThreadReport::Done(done)) => {
                    self.running -= 1;
                    self.done.push(*done);
                }
                Err(RecvTimeoutError::Timeout) => {}
                // All have said so; with none running it is over.
                Err(RecvTimeoutError::Disconnected) => self.running = 0,
            }
            self.tick();
        }
        Ok(self.finish())
    }

    /// Whether there is nothing left to wait for. Lets the load begin when all
    /// connections are open.
    fn is_over(&mut self) -> Result<bool> {
        let Some(progress) = self.progress else {
            if self.is_ready() {
                self.warn_of_missing();
                self.start();
            } else if self.stop.asked() > 0 {
                self.is_interrupted = true;
                self.shared.gate.close();
                return Ok(true);
            }
            return self.check_opened(self.opening == 0).map(|()| false);
        };
        let is_waiting = progress.phase == LoadPhase::Waiting;
        if self.running == 0 && (self.opening == 0 || is_waiting) {
            return self.check_opened(!self.is_interrupted).map(|()| true);
        }
        let most = self.shared.plan.arguments.timeout.saturating_add(GRACE);
        let waited = progress
            .clock
            .now_ns()
            .saturating_sub(self.shared.window.end_ns());
        let is_stuck = is_waiting && Duration::from_nanos(waited) > most;
        if is_stuck {
            let threads = plural(self.running as u64, "thread");
            tracing::warn!("gave up {threads} that did not end");
            // What they have counted is lost.
            for _ in 0..self.running {
                self.not_opened.add(Failure::Timeout);
            }
        }
        Ok(is_stuck)
    }
}

fn precision_watch(plan: &RunPlan) -> Option<PrecisionWatch> {
    let longest = plan.arguments.duration.unwrap_or_default();
    Some(PrecisionWatch::new(plan.until.clone()?, longest))
}
