//! What is due while a load lasts: samples, entries of the series, its end.

use std::{
    net::Shutdown,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use super::{Conductor, LoadPhase, Progress, SAMPLE_INTERVAL_NS, SECOND_NS, Usage};
use crate::load::clock::nanos;

/// How long replies are waited for before that is shown.
const SHOW_WAITING_AFTER_NS: u64 = 200_000_000;

impl Conductor<'_> {
    /// How long there is nothing to do.
    pub(super) fn wait(&self) -> Duration {
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
    pub(super) fn tick(&mut self) {
        let Some(mut progress) = self.progress else {
            return;
        };
        let now_ns = progress.clock.now_ns();
        self.obey_signals(&progress, now_ns);
        let window = &self.shared.window;
        if progress.phase == LoadPhase::Warmup && now_ns >= window.start_ns() {
            if now_ns > progress.second_ns && window.start_ns() > 0 {
                self.close_second(&mut progress, now_ns);
                self.view_before = self.view();
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
        let now_ns = self.progress.map_or(0, |progress| progress.clock.now_ns());
        self.shared.window.end(now_ns);
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

    pub(super) fn note_usage(&mut self, progress: &Progress) {
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

    pub(super) fn in_flight(&self) -> u64 {
        self.links.iter().map(|link| link.in_flight.load()).sum()
    }
}
