//! What all connections brought, added up at the end.

use std::time::Duration;

use super::{Conductor, Phase, Progress, SHORTEST_SECOND_NS};
use crate::{
    load::{nanos, outcome::Outcome, schedule::Slots},
    plan::Pace,
    results::Second,
};

impl Conductor<'_> {
    pub(super) fn finish(mut self) -> Outcome {
        self.outcome.opened = self.links.len() as u64;
        if let Some(progress) = self.progress {
            if progress.phase != Phase::Waiting {
                self.note_usage(&progress);
            }
            let end_ns = self.end_ns(&progress);
            self.add_unsent(end_ns);
            self.close_last_second(&progress, end_ns);
            self.add_connections();
            self.set_elapsed(end_ns);
        }
        self.outcome
    }

    /// When the measured window ended: when that was asked for, or with the last
    /// event if there was no more to do by then. A schedule of so many messages
    /// lasts until one more would be due.
    fn end_ns(&self, progress: &Progress) -> u64 {
        let end_ns = self.shared.window.end_ns();
        if progress.phase == Phase::Waiting {
            return end_ns;
        }
        let last_ns = self.done.iter().map(|done| done.last_ns).max();
        let last_ns = last_ns.unwrap_or_else(|| progress.clock.now_ns());
        let scheduled = self.shared.plan.load.scheduled().unwrap_or_default();
        let scheduled_ns = self.shared.window.start_ns() + nanos(scheduled);
        last_ns.max(scheduled_ns).min(end_ns)
    }

    /// Counts the messages that were due before the end and never sent, those of
    /// connections that failed or never opened included.
    fn add_unsent(&mut self, end_ns: u64) {
        let load = &self.shared.plan.load;
        let Pace::Open { rate } = load.pace else {
            return;
        };
        let mut rest: Vec<_> = self
            .done
            .iter()
            .map(|done| (done.index, done.slots, done.left))
            .collect();
        rest.sort_unstable_by_key(|(index, ..)| *index);
        for index in 0..load.connections {
            let found = rest.binary_search_by_key(&index, |(index, ..)| *index);
            let done = found.ok().and_then(|place| rest.get(place));
            let (slots, left) = match done {
                Some((_, slots, left)) => (*slots, *left),
                None => (None, load.share(index)),
            };
            let mut slots = slots.unwrap_or_else(|| {
                let mut slots = Slots::new(rate, index, load.connections);
                slots.skip(slots.due_before(nanos(load.opening(index))));
                slots
            });
            slots.skip(slots.due_before(self.shared.window.start_ns()));
            let count = slots.due_before(end_ns).min(left);
            self.outcome.unsent += count;
            self.current.measured.record_unsent(&slots, count, end_ns);
        }
    }

    fn close_last_second(&mut self, progress: &Progress, end_ns: u64) {
        let second = self.second(progress, end_ns);
        let length_ns = end_ns.saturating_sub(progress.second_ns);
        match self.outcome.series.last_mut() {
            Some(last) if length_ns < SHORTEST_SECOND_NS => last.failures += second.failures,
            _ => {
                self.outcome.series.push(second);
                if !progress.is_shown {
                    self.watch.second(&second, Duration::from_nanos(length_ns));
                }
            }
        }
        let start = Duration::from_nanos(progress.second_ns);
        let now = Duration::from_nanos(progress.clock.now_ns());
        let length = now.saturating_sub(start);
        self.watch.interval(start, length, &self.current.measured);
        self.outcome.measured.merge(&self.current.measured);
    }

    /// Shows the last second while some of its replies are still waited for.
    pub(super) fn show_last_second(&mut self, progress: &Progress, end_ns: u64) {
        let length_ns = end_ns.saturating_sub(progress.second_ns);
        if length_ns >= SHORTEST_SECOND_NS {
            let second: Second = self.second(progress, end_ns);
            self.watch.second(&second, Duration::from_nanos(length_ns));
        }
    }

    fn add_connections(&mut self) {
        self.done.sort_unstable_by_key(|done| done.index);
        for done in &self.done {
            let outcome = &mut self.outcome;
            outcome.failures.merge(&done.tally.failures);
            outcome.replies_by_connection.push(done.tally.inside);
            outcome.idle += u64::from(done.traffic.sent == 0);
            outcome.sent += done.traffic.sent;
            outcome.replies += done.tally.replies;
            outcome.unanswered += done.tally.unanswered;
            outcome.inside += done.tally.inside;
            outcome.reads += done.traffic.reads;
            outcome.writes += done.traffic.writes;
            let cpu = done.traffic.cpu().unwrap_or_default();
            outcome.cpu.connections += cpu;
            outcome.cpu.busiest = outcome.cpu.busiest.max(cpu);
        }
    }

    fn set_elapsed(&mut self, end_ns: u64) {
        let window_ns = end_ns.saturating_sub(self.shared.window.start_ns());
        self.outcome.elapsed = Duration::from_nanos(window_ns);
        let in_flight = &mut self.outcome.in_flight;
        if in_flight.samples > 0 {
            in_flight.sampled /= in_flight.samples as f64;
        }
        let times_ns = self.done.iter().map(|done| done.tally.in_flight_ns as f64);
        let in_flight_ns: f64 = times_ns.sum();
        if window_ns > 0 {
            in_flight.by_latency = in_flight_ns / window_ns as f64;
        }
    }
}
