//! The end of a load: the last counts, and its outcome.

use std::{
    collections::HashMap,
    time::{Duration, SystemTime},
};

use bench_report::{LoadOutcome, results::UnderLoad, statistics::PrecisionWatch};

use super::{Conductor, Failures, LoadPhase, Progress};
use crate::{
    load::{clock::nanos, schedule::Schedule},
    plan::Pace,
};

/// Random times that are drawn one by one, of those at which nothing was sent:
/// there can be a thousand million, and beyond this many, even spacing changes nothing.
const MAX_DRAWN: u64 = 1 << 20;

impl Conductor<'_> {
    pub(super) fn finish(mut self) -> LoadOutcome {
        let Some(progress) = self.progress else {
            return self.outcome(SystemTime::now(), 0, 0, None);
        };
        if progress.phase != LoadPhase::Waiting {
            self.note_usage(&progress);
        }
        let end_ns = self.end_ns(&progress);
        let unsent = self.add_unsent(end_ns);
        self.close_last_second(&progress, end_ns);
        let under_load = self.bulk.take().map(|bulk| {
            let (under_load, cpu) = bulk.finish(end_ns);
            self.cpu.conductor = self.cpu.conductor.map(|own| own + cpu);
            under_load
        });
        self.outcome(progress.started, end_ns, unsent, under_load)
    }

    fn outcome(
        mut self,
        started: SystemTime,
        end_ns: u64,
        unsent: u64,
        under_load: Option<UnderLoad>,
    ) -> LoadOutcome {
        let start_ns = self.shared.window.start_ns();
        self.done.sort_unstable_by_key(|done| done.index);
        let view = self.view();
        let has_successors = self.shared.plan.arguments.per_connection.is_some();
        let (payload_bytes, wire_bytes) = (self.measured.payload_bytes, self.measured.wire_bytes);
        let (latency, latency_uncorrected, schedule_lag) = self.measured.into_latencies();
        let failures = self.done.iter().map(|done| &done.failures);
        LoadOutcome {
            started,
            measured_from: started + Duration::from_nanos(start_ns),
            slices: self.slices.finish(started, end_ns),
            interrupted: self.is_interrupted,
            elapsed: Duration::from_nanos(end_ns.saturating_sub(start_ns)),
            latency,
            latency_uncorrected,
            schedule_lag,
            connect_latency: has_successors.then(|| self.shared.connects.take()),
            under_load,
            precision: self.precision.map(PrecisionWatch::finish),
            gaps: self.gaps,
            payload_bytes,
            wire_bytes,
            series: self.series,
            failures: failures.fold(self.not_opened, Failures::plus).by_name(),
            requested: self.shared.plan.connections(),
            opened: self.links.len() as u64,
            connections: self.done.iter().map(|done| done.tally).collect(),
            unsent,
            in_flight: self.in_flight as f64 / self.in_flight_samples.max(1) as f64,
            in_flight_samples: self.in_flight_samples,
            cpu: self.cpu,
            tcp: view.map(|view| view.since(self.view_before.as_ref(), &self.links)),
            slowest: self.shared.slowest.take(),
            is_same_host: self.links.first().map(|link| link.stream.is_same_host()),
        }
    }

    /// When the measured window ended: at the requested end, or with the last
    /// event if there was no more to do by then. A schedule of so many messages
    /// lasts until one more would be due.
    fn end_ns(&self, progress: &Progress) -> u64 {
        let end_ns = self.shared.window.end_ns();
        if progress.phase == LoadPhase::Waiting {
            return end_ns;
        }
        let last_ns = self.done.iter().map(|done| done.last_ns).max();
        let last_ns = last_ns.unwrap_or_else(|| progress.clock.now_ns());
        let scheduled = self.shared.plan.scheduled().unwrap_or_default();
        let scheduled_ns = self.shared.window.start_ns() + nanos(scheduled);
        last_ns.max(scheduled_ns).min(end_ns)
    }

    /// Counts and records the messages that were due before the end and never
    /// sent, those of connections that failed or never opened included.
    fn add_unsent(&mut self, end_ns: u64) -> u64 {
        let plan = &self.shared.plan;
        if plan.pace() == Pace::Closed {
            return 0;
        }
        let mut rest: HashMap<u64, _> = self
            .done
            .iter_mut()
            .map(|done| (done.index, (done.schedule.take(), done.left)))
            .collect();
        let mut unsent = 0;
        for index in 0..plan.connections() {
            let (schedule, left) = rest.remove(&index).unwrap_or((None, plan.share(index)));
            let mut schedule =
                schedule.unwrap_or_else(|| Schedule::new(plan, index, nanos(plan.opening(index))));
            schedule.skip_until(self.shared.window.start_ns());
            let measured = &mut self.current.measured;
            match schedule {
                Schedule::Closed => {}
                Schedule::Open(slots) => unsent += measured.add_unsent(slots, left, end_ns),
                Schedule::Poisson(mut arrivals) => {
                    let most = left.min(MAX_DRAWN / plan.connections());
                    let mut drawn = 0;
                    for due_ns in arrivals.drain(most, end_ns) {
                        measured.record_unsent_at(due_ns, end_ns);
                        drawn += 1;
                    }
                    unsent += drawn;
                    if drawn == most {
                        let rest = arrivals.evened();
                        unsent += measured.add_unsent(rest, left - drawn, end_ns);
                    }
                    self.gaps.append(&mut arrivals.into_gaps());
                }
            }
        }
        unsent
    }
}
