//! The thread that starts a load, looks at it, and ends it.

use std::{
    net::Shutdown,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Error, Result, anyhow};

use super::{
    Done, Failure, Link, Measured, Report, Shared, dial_failure,
    outcome::{Outcome, Watch},
};
use crate::{
    cpu::{self, HostTime},
    plan::{Pace, Plan},
    results::Second,
};

/// Time between two looks at what is in flight.
pub(crate) const LOOK: Duration = Duration::from_millis(10);

/// Time between two entries of the series.
const SECOND: Duration = Duration::from_secs(1);

/// What is left of the last second is no entry of its own if it is shorter:
/// its rates would say little.
const SHORTEST_SECOND: Duration = Duration::from_millis(100);

/// How long the last replies may take once the run is to end.
const GRACE: Duration = Duration::from_secs(1);

pub(super) struct Conductor<'a> {
    plan: &'a Plan,
    stop: &'a AtomicBool,
    shared: &'a Shared,
    inbox: Receiver<Report>,
    watch: &'a mut dyn Watch,
    links: Vec<Arc<Link>>,
    /// Connections whose threads have not said whether they could open.
    opening: u64,
    running: usize,
    first_error: Option<Error>,
    /// Failures of connections that were never open.
    not_opened: u64,
    outcome: Outcome,
    clock: Option<Clock>,
    looks: u64,
    last_reply: Option<Instant>,
}

/// The instants of a load that has begun.
#[derive(Clone, Copy)]
struct Clock {
    start: Instant,
    measured_from: Instant,
    /// When the current second began and ends.
    second: Instant,
    next_second: Instant,
    next_look: Instant,
    /// When the end was asked for.
    end: Option<Instant>,
    cpu_before: Option<Duration>,
    host_before: Option<HostTime>,
}

impl<'a> Conductor<'a> {
    pub(super) fn new(
        plan: &'a Plan,
        stop: &'a AtomicBool,
        shared: &'a Shared,
        inbox: Receiver<Report>,
        watch: &'a mut dyn Watch,
    ) -> Self {
        Self {
            plan,
            stop,
            shared,
            inbox,
            watch,
            links: Vec::new(),
            opening: plan.load.connections,
            running: 0,
            first_error: None,
            not_opened: 0,
            outcome: Outcome::new(matches!(plan.load.pace, Pace::Open { .. })),
            clock: None,
            looks: 0,
            last_reply: None,
        }
    }

    /// There was no thread for a connection.
    pub(super) fn lacks_thread(&mut self) {
        self.opening -= 1;
        self.not_opened += 1;
        self.outcome.failures.add(Failure::Thread);
    }

    /// Lets the load begin.
    pub(super) fn start(&mut self) {
        let start = Instant::now();
        self.outcome.started = SystemTime::now();
        self.shared.gate.open(start);
        let measured_from = start + self.plan.load.warmup;
        let mut clock = Clock {
            start,
            measured_from,
            second: start,
            next_second: start,
            next_look: start + LOOK,
            end: None,
            cpu_before: cpu::process_time(),
            host_before: HostTime::now(),
        };
        clock.advance(start);
        self.clock = Some(clock);
    }

    /// Runs the load to its end.
    pub(super) fn conduct(mut self) -> Result<Outcome> {
        loop {
            if self.opening == 0 {
                if self.links.is_empty() {
                    self.shared.ending.store(true, Ordering::Relaxed);
                    self.start_if_not_yet();
                    return Err(self
                        .first_error
                        .unwrap_or_else(|| anyhow!("no thread could be started")));
                }
                self.start_if_not_yet();
                if self.running == 0 {
                    break;
                }
            }
            match self.inbox.recv_timeout(self.wait()) {
                Ok(Report::Opened(opened)) => self.opened(opened),
                Ok(Report::Done(done)) => self.done(&done),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if let Err(error) = self.tick(Instant::now()) {
                self.abort();
                return Err(error);
            }
        }
        self.finish()
    }

    /// Ends all threads, whatever they wait for.
    fn abort(&self) {
        self.shared.ending.store(true, Ordering::Relaxed);
        self.cut();
    }

    fn cut(&self) {
        for link in &self.links {
            let _ = link.stream.shutdown(Shutdown::Both);
        }
    }

    fn start_if_not_yet(&mut self) {
        if self.clock.is_some() {
            return;
        }
        if let Some(error) = &self.first_error
            && !self.links.is_empty()
        {
            let (opened, asked) = (self.links.len(), self.plan.load.connections);
            tracing::warn!("{opened} of {asked} connections: {error:#}");
        }
        self.start();
    }

    fn opened(&mut self, opened: Result<Arc<Link>>) {
        self.opening -= 1;
        match opened {
            Ok(link) => {
                self.links.push(link);
                self.running += 1;
            }
            Err(error) => {
                self.not_opened += 1;
                self.outcome.failures.add(dial_failure(&error));
                self.first_error.get_or_insert(error);
            }
        }
    }

    fn done(&mut self, done: &Done) {
        let outcome = &mut self.outcome;
        outcome.failures.merge(&done.failures);
        outcome.replies.push(done.replies);
        outcome.sent += done.traffic.sent;
        outcome.unanswered += done.unanswered;
        outcome.reads += done.traffic.reads;
        outcome.writes += done.traffic.writes;
        outcome.cpu_threads += done.cpu.unwrap_or_default();
        self.last_reply = self.last_reply.max(Some(done.last));
        self.running -= 1;
    }

    /// How long nothing is to be done.
    fn wait(&self) -> Duration {
        let now = Instant::now();
        let Some(clock) = self.clock else {
            return LOOK;
        };
        let next = clock.next_look.min(clock.next_second);
        let next = match self.asked_end(&clock) {
            Some(end) if clock.end.is_none() => next.min(end),
            _ => next,
        };
        next.saturating_duration_since(now)
    }

    fn asked_end(&self, clock: &Clock) -> Option<Instant> {
        Some(clock.measured_from + self.plan.load.duration?)
    }

    /// Does what is due at `now`.
    fn tick(&mut self, now: Instant) -> Result<()> {
        let Some(mut clock) = self.clock else {
            return Ok(());
        };
        if now >= clock.next_look {
            if now >= clock.measured_from && clock.end.is_none() {
                self.outcome.in_flight += self.in_flight() as f64;
                self.looks += 1;
            }
            self.end_overdue(now - clock.start);
            clock.next_look = now + LOOK;
        }
        if now >= clock.next_second {
            let is_warmup = clock.second < clock.measured_from;
            self.close_second(&clock, now)?;
            if is_warmup && now >= clock.measured_from {
                clock.cpu_before = cpu::process_time();
                clock.host_before = HostTime::now();
            }
            clock.advance(now);
        }
        match clock.end {
            None => {
                let stopped = self.stop.load(Ordering::Relaxed).then_some(now);
                clock.end = self.asked_end(&clock).filter(|end| now >= *end).or(stopped);
                if clock.end.is_some() {
                    self.shared.ending.store(true, Ordering::Relaxed);
                }
            }
            // Wakes the threads that still wait for a reply.
            Some(end) if now - end >= GRACE => self.cut(),
            Some(_) => {}
        }
        self.clock = Some(clock);
        Ok(())
    }

    /// Ends connections whose first message in flight waits too long, `now`
    /// after the load began.
    fn end_overdue(&self, now: Duration) {
        let Some(latest) = now.checked_sub(self.plan.timeout) else {
            return;
        };
        let latest = u64::try_from(latest.as_nanos()).unwrap_or(u64::MAX);
        for link in &self.links {
            let since = link.waiting_since.load();
            if since > 0 && since <= latest && !link.overdue.swap(true, Ordering::Relaxed) {
                let _ = link.stream.shutdown(Shutdown::Both);
            }
        }
    }

    fn in_flight(&self) -> u64 {
        self.links.iter().map(|link| link.in_flight.load()).sum()
    }

    /// Takes what came since the last time into the series and the totals.
    fn close_second(&mut self, clock: &Clock, now: Instant) -> Result<()> {
        let has_schedule = self.outcome.measured.scheduled.is_some();
        let mut warmup = Measured::new(has_schedule);
        let mut measured = Measured::new(has_schedule);
        for shard in &self.shared.shards {
            shard.drain(&mut warmup, &mut measured);
        }
        self.outcome.measured.merge(&measured);
        let is_warmup = clock.second < clock.measured_from;
        let shown = if is_warmup { &warmup } else { &measured };
        let length = now - clock.second;
        let latency = shown.latency();
        let figure = |ns: u64| (!latency.is_empty()).then(|| ns as f64 / 1e3);
        let failures_before: u64 = self.outcome.series.iter().map(|each| each.failures).sum();
        let failures: u64 = self.links.iter().map(|link| link.failures.load()).sum();
        let second = Second {
            at_s: (now - clock.start).as_secs_f64(),
            throughput: proto::qps::rate(latency.len(), length),
            p50_us: figure(latency.value_at_quantile(0.5)),
            p99_us: figure(latency.value_at_quantile(0.99)),
            max_us: figure(latency.max()),
            in_flight: self.in_flight(),
            failures: self.not_opened + failures - failures_before,
            is_warmup,
        };
        match self.outcome.series.last_mut() {
            Some(last) if length < SHORTEST_SECOND => last.failures += second.failures,
            _ => self.outcome.series.push(second),
        }
        self.watch.second(&second, length, shown)
    }

    fn finish(mut self) -> Result<Outcome> {
        let now = Instant::now();
        if let Some(clock) = self.clock {
            self.close_second(&clock, now)?;
            let last = self.last_reply.unwrap_or(now);
            let end = clock.end.map_or(last, |end| last.max(end));
            self.outcome.elapsed = end.saturating_duration_since(clock.measured_from);
            self.outcome.cpu_process = cpu::process_time()
                .zip(clock.cpu_before)
                .map(|(after, before)| after.saturating_sub(before));
            self.outcome.host_share = HostTime::now()
                .zip(clock.host_before)
                .and_then(|(after, before)| after.share_since(&before));
        }
        self.outcome.opened = self.links.len() as u64;
        if self.looks > 0 {
            self.outcome.in_flight /= self.looks as f64;
        }
        Ok(self.outcome)
    }
}

impl Clock {
    /// Begins the next second at `now`: it ends on a whole one after the
    /// start, or with the warm-up.
    fn advance(&mut self, now: Instant) {
        self.second = now;
        let whole = (now - self.start).as_secs() + 1;
        self.next_second = self.start + SECOND * u32::try_from(whole).unwrap_or(u32::MAX);
        if now < self.measured_from {
            self.next_second = self.next_second.min(self.measured_from);
        }
    }
}
