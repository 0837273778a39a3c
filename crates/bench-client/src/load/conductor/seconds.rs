//! The series: what came in each second, and in the totals.

use std::time::Duration;

use bench_report::results::Second;

use super::{Bulk, Conductor, Interval, Progress};

/// Minimum length of the last entry: the rates of a shorter one would say little.
const SHORTEST_SECOND: Duration = Duration::from_millis(100);

impl Conductor<'_> {
    /// Takes what came since the last time into the series and the totals.
    pub(super) fn close_second(&mut self, progress: &mut Progress, now_ns: u64) {
        let second = self.second(progress, now_ns);
        let length = progress.since_second(now_ns);
        self.add_second(second, length, true);
        if !second.warmup {
            self.end_if_precise(now_ns, length);
            if let Some(bulk) = &mut self.bulk {
                bulk.take(length, &self.current);
                bulk.pass(progress.clock, now_ns);
            }
        }
        self.add_samples(progress, now_ns, length);
        self.current = Interval::new(self.current.measured.scheduled.is_some());
        self.advance(progress, now_ns);
    }

    /// The same of the last second, in which sending ended at `end_ns`.
    pub(super) fn close_last_second(&mut self, progress: &Progress, end_ns: u64) {
        let second = self.second(progress, end_ns);
        let length = progress.since_second(end_ns);
        self.add_second(second, length, !progress.is_shown);
        if let Some(bulk) = &mut self.bulk {
            bulk.take(length, &self.current);
        }
        // The last replies came later.
        let length = progress.since_second(progress.clock.now_ns());
        self.add_samples(progress, end_ns, length);
    }

    /// Shows the last second while some of its replies are still waited for.
    pub(super) fn show_last_second(&mut self, progress: &Progress, end_ns: u64) {
        let length = progress.since_second(end_ns);
        if length >= SHORTEST_SECOND {
            let second = self.second(progress, end_ns);
            self.watch.second(&second, length);
        }
    }

    fn add_second(&mut self, second: Second, length: Duration, is_new: bool) {
        match self.series.last_mut() {
            Some(last) if length < SHORTEST_SECOND => last.failures += second.failures,
            _ => {
                self.series.push(second);
                if is_new {
                    self.watch.second(&second, length);
                }
            }
        }
    }

    /// Takes the samples of a second into the slices and the totals.
    fn add_samples(&mut self, progress: &Progress, end_ns: u64, length: Duration) {
        let start = Duration::from_nanos(progress.second_ns);
        let measured = &self.current.measured;
        self.watch.interval(start, length, measured.latency());
        self.measured.merge(measured);
        let window_ns = self.shared.window.start_ns();
        if end_ns > window_ns {
            let start_ns = progress.second_ns.max(window_ns);
            self.slices.add(&self.current, start_ns, end_ns);
        }
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

    /// Begins the next second at `now_ns`: it ends on a whole one, or with a part of
    /// the run.
    pub(super) fn advance(&self, progress: &mut Progress, now_ns: u64) {
        progress.advance(now_ns, self.shared.window.start_ns());
        let edge_ns = self.bulk.as_ref().map_or(u64::MAX, Bulk::edge_ns);
        progress.next_second_ns = progress.next_second_ns.min(edge_ns);
    }

    /// What came since the last second ended, up to `end_ns`.
    fn second(&mut self, progress: &Progress, end_ns: u64) -> Second {
        for shard in &self.shared.shards {
            shard.drain_into(&mut self.current);
        }
        let is_warmup = progress.second_ns < self.shared.window.start_ns();
        let (latency, replies) = if is_warmup {
            let latency = self.current.warmup.latency();
            (latency, latency.len())
        } else {
            (self.current.measured.latency(), self.current.inside)
        };
        let figure = |ns: u64| (!latency.is_empty()).then(|| ns as f64 / 1e3);
        let failures_before: u64 = self.series.iter().map(|each| each.failures).sum();
        let failures: u64 = self.links.iter().map(|link| link.failures.load()).sum();
        let length = progress.since_second(end_ns);
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
