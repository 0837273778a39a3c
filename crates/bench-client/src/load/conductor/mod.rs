//! The thread that starts a load, samples it, and ends it.

use std::{
    net::Shutdown,
    sync::{
        Arc,
        atomic::Ordering,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Error, Result, anyhow};
use bench_report::{CpuTime, LoadOutcome, results::Second, statistics::PrecisionWatch};
use cli::signals::Stop;

use super::{
    Bulk, Clock, Done, Failure, Failures, Link, Shared, ThreadReport, Watch, dial_failure,
    kernel::KernelView,
    nanos,
    recorder::{Interval, Measured},
    slices::Slices,
    usage::Usage,
};
use crate::plan::{Pace, RunPlan};

mod finish;

/// Time between two samples of what is in flight, in nanoseconds.
const SAMPLE_INTERVAL_NS: u64 = 10_000_000;

/// Time between two entries of the series.
const SECOND_NS: u64 = 1_000_000_000;

/// What is left of the last second is no entry of its own if it is shorter:
/// its rates would say little.
const SHORTEST_SECOND_NS: u64 = 100_000_000;

/// How long replies are waited for before that is shown.
const SHOW_WAITING_AFTER_NS: u64 = 200_000_000;

/// How much later than it was to a load may begin and still be on time: its
/// messages catch up.
const ON_TIME_NS: u64 = 10_000_000;

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
    /// Failures of connections that were never open.
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

/// How far a load is that has begun; times are since then.
#[derive(Clone, Copy)]
struct Progress {
    started: SystemTime,
    clock: Clock,
    phase: LoadPhase,
    /// When the current second began, and when it ends.
    second_ns: u64,
    next_second_ns: u64,
    next_sample_ns: u64,
    /// CPU time when the measurement began.
    usage_before: Option<Usage>,
    /// Signals that had come when sending stopped.
    stops: u32,
    /// Whether the last second was shown before all its replies had come.
    is_shown: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum LoadPhase {
    Warmup,
    Measuring,
    /// Nothing more is sent; replies are waited for.
    Waiting,
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

    /// There was no thread for a connection.
    pub(super) fn lacks_thread(&mut self) {
        self.opening -= 1;
        self.not_opened.add(Failure::Thread);
    }

    /// Lets the load begin.
    pub(super) fn start(&mut self) {
        self.view_connections();
        let clock = self.start.map_or_else(Clock::start, Clock::since);
        let now_ns = clock.now_ns();
        let late_ns = if now_ns > ON_TIME_NS { now_ns } else { 0 };
        let started = SystemTime::now() - Duration::from_nanos(now_ns);
        let started = match self.shared.plan.start_at {
            Some(at) => at - self.shared.plan.arguments.warmup,
            None => started,
        };
        self.note_late(late_ns);
        self.watch.started(started);
        self.shared.gate.open(clock);
        let mut progress = Progress {
            started,
            clock,
            phase: LoadPhase::Warmup,
            second_ns: 0,
            next_second_ns: 0,
            next_sample_ns: late_ns + SAMPLE_INTERVAL_NS,
            usage_before: None,
            stops: 0,
            is_shown: false,
        };
        self.advance(&mut progress, late_ns);
        self.progress = Some(progress);
    }

    /// Opening connections may have taken longer than there was time for.
    fn note_late(&mut self, late_ns: u64) {
        if late_ns == 0 {
            return;
        }
        self.shared.is_late.store(true, Ordering::Relaxed);
        let delay_ns = self.shared.window.delay(late_ns);
        if let Some(bulk) = &mut self.bulk {
            bulk.delay(delay_ns);
        }
        let delay = Duration::from_nanos(delay_ns);
        let late = Duration::from_nanos(late_ns);
        if delay.is_zero() {
            tracing::warn!("connections were opened late: the warm-up is {late:.1?} shorter");
        } else {
            tracing::warn!("connections were opened late: measuring {delay:.1?} after --start-at");
        }
    }

    /// Whether the load can begin.
    fn is_ready(&self) -> bool {
        let is_ramp = !self.shared.plan.arguments.ramp.is_zero();
        let is_open = self.opening == 0 && !self.links.is_empty();
        (is_ramp || is_open) && self.start.is_none_or(|start| start <= Instant::now())
    }

    /// Notes how the connections are when the measurement begins.
    fn view_connections(&mut self) {
        self.view_before = self.view();
        if let Some(view) = &self.view_before {
            view.mark(&self.links);
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
            tracing::warn!("{} threads do not end", self.running);
        }
        Ok(is_stuck)
    }

    /// It is an error if no connection was opened, once that is `final`.
    fn check_opened(&mut self, is_final: bool) -> Result<()> {
        if !is_final || !self.links.is_empty() {
            return Ok(());
        }
        self.shared.gate.close();
        let error = self.first_error.take();
        Err(error.unwrap_or_else(|| match self.not_opened.total() {
            0 => anyhow!("the run ended before a connection was open"),
            _ => anyhow!("no thread could be started"),
        }))
    }

    fn warn_of_missing(&self) {
        if let Some(error) = &self.first_error {
            let (opened, asked) = (self.links.len(), self.shared.plan.connections());
            tracing::warn!("{opened} of {asked} connections: {error:#}");
        }
    }

    fn opened(&mut self, opened: Result<Arc<Link>>) {
        self.opening -= 1;
        match opened {
            Ok(link) => {
                let place = self.place(link.index).unwrap_or_else(|place| place);
                self.links.insert(place, link);
                self.running += 1;
            }
            Err(error) => {
                self.not_opened.add(dial_failure(&error));
                self.first_error.get_or_insert(error);
            }
        }
    }

    /// A connection was closed, and another has its place.
    fn reopened(&mut self, link: Arc<Link>) {
        if self.shared.is_abandoned.load(Ordering::Relaxed) {
            let _ = link.stream.shutdown(Shutdown::Both);
        }
        let place = self.place(link.index).ok();
        if let Some(old) = place.and_then(|place| self.links.get_mut(place)) {
            *old = link;
        }
    }

    /// Where the connection of this index is, or would be: they are in its order.
    fn place(&self, index: u64) -> Result<usize, usize> {
        self.links.binary_search_by_key(&index, |link| link.index)
    }

    /// How long there is nothing to do.
    fn wait(&self) -> Duration {
        let Some(progress) = &self.progress else {
            let left = |start: Instant| start.saturating_duration_since(Instant::now());
            return Duration::from_nanos(SAMPLE_INTERVAL_NS)
                .min(self.start.map_or(Duration::MAX, left));
        };
        let mut next_ns = progress.next_sample_ns.min(progress.next_second_ns);
        if progress.phase != LoadPhase::Waiting {
            next_ns = next_ns.min(self.shared.window.end_ns());
        }
        Duration::from_nanos(next_ns.saturating_sub(progress.clock.now_ns()))
    }

    /// Does what is due.
    fn tick(&mut self) {
        let Some(mut progress) = self.progress else {
            return;
        };
        let now_ns = progress.clock.now_ns();
        self.obey_signals(&progress, now_ns);
        let window = &self.shared.window;
        if progress.phase == LoadPhase::Warmup && now_ns >= window.start_ns() {
            if now_ns > progress.second_ns && window.start_ns() > 0 {
                self.close_second(&mut progress, now_ns);
                self.view_connections();
            }
            progress.phase = LoadPhase::Measuring;
            progress.usage_before = Some(Usage::now());
        }
        if progress.phase != LoadPhase::Waiting && now_ns >= self.shared.window.end_ns() {
            self.end(&mut progress);
        }
        if now_ns >= progress.next_sample_ns {
            self.sample(now_ns);
            progress.next_sample_ns = now_ns + SAMPLE_INTERVAL_NS;
        }
        if now_ns >= progress.next_second_ns {
            match progress.phase {
                LoadPhase::Waiting => self.show_waiting(&mut progress, now_ns),
                LoadPhase::Warmup | LoadPhase::Measuring => {
                    self.close_second(&mut progress, now_ns);
                }
            }
        }
        self.progress = Some(progress);
    }

    /// The first signal ends the load, the next one the wait for replies.
    fn obey_signals(&mut self, progress: &Progress, now_ns: u64) {
        let asked = self.stop.asked();
        let arguments = &self.shared.plan.arguments;
        match progress.phase {
            LoadPhase::Waiting if asked > progress.stops => self.abandon(),
            LoadPhase::Warmup | LoadPhase::Measuring if asked > 0 => {
                let is_warmup = now_ns < self.shared.window.start_ns();
                self.is_interrupted =
                    is_warmup || arguments.duration.is_some() || arguments.requests.is_some();
                self.shared.window.end(now_ns);
                if is_warmup {
                    // No reply of the warm-up is in any figure.
                    self.abandon();
                }
            }
            _ => {}
        }
    }

    /// Stops waiting for replies.
    fn abandon(&mut self) {
        self.is_interrupted = true;
        self.shared.is_abandoned.store(true, Ordering::Relaxed);
        self.shared
            .window
            .end(self.progress.map_or(0, |p| p.clock.now_ns()));
        self.shared.gate.close();
        for link in &self.links {
            let _ = link.stream.shutdown(Shutdown::Both);
        }
    }

    /// Sending is over.
    fn end(&mut self, progress: &mut Progress) {
        self.shared.gate.close();
        self.note_usage(progress);
        progress.phase = LoadPhase::Waiting;
        progress.stops = self.stop.asked();
        progress.next_second_ns = progress.clock.now_ns() + SHOW_WAITING_AFTER_NS;
    }

    fn note_usage(&mut self, progress: &Progress) {
        if let Some(before) = &progress.usage_before {
            self.cpu = Usage::now().since(before);
        }
    }

    fn show_waiting(&mut self, progress: &mut Progress, now_ns: u64) {
        if !progress.is_shown {
            self.show_last_second(progress, self.shared.window.end_ns());
            progress.is_shown = true;
        }
        let waited = Duration::from_nanos(now_ns.saturating_sub(self.shared.window.end_ns()));
        let left = self.shared.plan.arguments.timeout.saturating_sub(waited);
        self.watch.waiting(self.in_flight(), left);
        progress.next_second_ns = now_ns + SECOND_NS;
    }

    /// Counts what is in flight, and ends connections whose next message in
    /// order waits too long.
    fn sample(&mut self, now_ns: u64) {
        if self.shared.window.contains(now_ns) {
            self.in_flight += self.in_flight();
            self.in_flight_samples += 1;
        }
        let timeout_ns = nanos(self.shared.plan.arguments.timeout);
        for link in &self.links {
            let since = link.waiting_since.load();
            if since > 0
                && (since - 1).saturating_add(timeout_ns) <= now_ns
                && !link.overdue.swap(true, Ordering::Relaxed)
            {
                let _ = link.stream.shutdown(Shutdown::Both);
            }
        }
    }

    fn in_flight(&self) -> u64 {
        self.links.iter().map(|link| link.in_flight.load()).sum()
    }

    /// Takes what came since the last time into the series and the totals.
    fn close_second(&mut self, progress: &mut Progress, now_ns: u64) {
        let second = self.second(progress, now_ns);
        let length_ns = now_ns - progress.second_ns;
        match self.series.last_mut() {
            Some(last) if length_ns < SHORTEST_SECOND_NS => last.failures += second.failures,
            _ => {
                self.series.push(second);
                self.watch.second(&second, Duration::from_nanos(length_ns));
            }
        }
        let start = Duration::from_nanos(progress.second_ns);
        let length = Duration::from_nanos(length_ns);
        if !second.warmup {
            self.end_if_precise(now_ns, length);
            if let Some(bulk) = &mut self.bulk {
                bulk.take(length, &self.current);
                bulk.pass(progress.clock, now_ns);
            }
        }
        self.watch
            .interval(start, length, self.current.measured.latency());
        self.add_slice(progress.second_ns, now_ns);
        self.measured.merge(&self.current.measured);
        self.current = Interval::new(self.current.measured.scheduled.is_some());
        self.advance(progress, now_ns);
    }

    /// Begins the next second at `now_ns`: it ends on a whole one, or with a part of
    /// the run.
    fn advance(&self, progress: &mut Progress, now_ns: u64) {
        progress.advance(now_ns, self.shared.window.start_ns());
        let edge_ns = self.bulk.as_ref().map_or(u64::MAX, Bulk::edge_ns);
        progress.next_second_ns = progress.next_second_ns.min(edge_ns);
    }

    /// Ends the run if what came in this second makes a figure as precise as it is
    /// to be.
    fn end_if_precise(&mut self, now_ns: u64, length: Duration) {
        let (inside, latency) = (self.current.inside, self.current.measured.latency());
        if let Some(precision) = &mut self.precision
            && precision.second(length, inside, latency)
        {
            self.shared.window.end(now_ns);
        }
    }

    /// Takes the same into the slices.
    fn add_slice(&mut self, start_ns: u64, end_ns: u64) {
        let window_ns = self.shared.window.start_ns();
        if end_ns > window_ns {
            let start_ns = start_ns.max(window_ns);
            self.slices.add(&self.current, start_ns, end_ns);
        }
    }

    /// What came since the last second ended, up to `end_ns`.
    fn second(&mut self, progress: &Progress, end_ns: u64) -> Second {
        for shard in &self.shared.shards {
            shard.drain_into(&mut self.current);
        }
        let is_warmup = progress.second_ns < self.shared.window.start_ns();
        let (shown, replies): (&Measured, u64) = if is_warmup {
            let warmup = &self.current.warmup;
            (warmup, warmup.latency().len())
        } else {
            (&self.current.measured, self.current.inside)
        };
        let latency = shown.latency();
        let figure = |ns: u64| (!latency.is_empty()).then(|| ns as f64 / 1e3);
        let failures_before: u64 = self.series.iter().map(|each| each.failures).sum();
        let failures: u64 = self.links.iter().map(|link| link.failures.load()).sum();
        let length = Duration::from_nanos(end_ns.saturating_sub(progress.second_ns));
        Second {
            elapsed_s: Duration::from_nanos(end_ns).as_secs_f64(),
            throughput: proto::qps::rate(replies, length),
            p50_us: figure(latency.value_at_quantile(0.5)),
            p99_us: figure(latency.value_at_quantile(0.99)),
            max_us: figure(latency.max()),
            in_flight: self.in_flight(),
            failures: self.not_opened.total() + failures - failures_before,
            warmup: is_warmup,
        }
    }
}

fn precision_watch(plan: &RunPlan) -> Option<PrecisionWatch> {
    let longest = plan.arguments.duration.unwrap_or_default();
    Some(PrecisionWatch::new(plan.until.clone()?, longest))
}

impl Progress {
    /// Begins the next second at `now_ns`: it ends on a whole one after the
    /// start, or with the warm-up.
    fn advance(&mut self, now_ns: u64, from_ns: u64) {
        self.second_ns = now_ns;
        self.next_second_ns = (now_ns / SECOND_NS + 1) * SECOND_NS;
        if now_ns < from_ns {
            self.next_second_ns = self.next_second_ns.min(from_ns);
        }
    }
}
