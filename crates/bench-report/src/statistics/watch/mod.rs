//! Checks during a run how precisely a figure is known.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::{
    batch::{self, ConfidenceInterval},
    percentile::{at, value_at},
    precision::{PreciseMetric, Precision, Until},
};

/// The probability that the interval misses the figure.
const ALPHA: f64 = 0.05;

/// Seconds until the first check, and until the second. Earlier, there are too few
/// batches to estimate their correlation.
const FIRST: [usize; 2] = [20, 28];

/// Batches at which each two are merged into one, so that batches grow with the run,
/// and correlated seconds end up in the same batch.
const MAX_BATCHES: usize = 40;

/// The replies of one or more seconds.
#[derive(Clone, Debug)]
struct SampleBatch {
    seconds: f64,
    replies: f64,
    latencies: Histogram<u64>,
}

impl SampleBatch {
    /// The sum of all; `None` without any.
    fn sum(batches: &[Self]) -> Option<Self> {
        let (first, rest) = batches.split_first()?;
        let mut all = first.clone();
        for batch in rest {
            all.add(batch);
        }
        Some(all)
    }

    fn add(&mut self, other: &Self) {
        self.seconds += other.seconds;
        self.replies += other.replies;
        // They grow as needed, so adding cannot fail.
        let _ = self.latencies.add(&other.latencies);
    }
}

/// Checks a figure repeatedly until it is known as precisely as requested.
///
/// Among many checks, one finds a narrow interval by chance. So each check has its
/// share (Bonferroni) of the probability of error, which is `ALPHA` for all of them.
/// Checks become rarer during the run, so they stay few.
#[derive(Debug)]
pub struct PrecisionWatch {
    until: Until,
    /// The last one may be incomplete.
    batches: Vec<SampleBatch>,
    /// Seconds of a batch.
    length: usize,
    seconds: usize,
    next_check: usize,
    checks: u64,
    /// Of each check.
    alpha: f64,
    /// The result of the check that ended the run.
    reached: Option<Precision>,
}

impl PrecisionWatch {
    /// For a run that lasts at most `longest`.
    #[must_use]
    pub fn new(until: Until, longest: Duration) -> Self {
        let checks = check_times().take_while(|at| (*at as u64) < longest.as_secs());
        Self {
            until,
            batches: Vec::new(),
            length: 1,
            seconds: 0,
            next_check: FIRST[0],
            checks: 0,
            // And one at the end.
            alpha: ALPHA / (checks.count() + 1) as f64,
            reached: None,
        }
    }

    /// Takes the replies of a second, with latencies in nanoseconds; returns whether the
    /// figure is known as precisely as requested.
    pub fn second(&mut self, length: Duration, replies: u64, latencies: &Histogram<u64>) -> bool {
        self.add(SampleBatch {
            seconds: length.as_secs_f64(),
            replies: replies as f64,
            latencies: latencies.clone(),
        });
        if self.seconds < self.next_check {
            return false;
        }
        let next = check_times().find(|at| *at > self.seconds);
        self.next_check = next.unwrap_or(usize::MAX);
        let precision = self.check();
        let is_reached = precision.reached;
        self.reached = Some(precision).filter(|_| is_reached);
        is_reached
    }

    /// How precisely it is known at the end.
    #[must_use]
    pub fn finish(mut self) -> Precision {
        // Replies since then do not change that result.
        let reached = self.reached.take();
        reached.unwrap_or_else(|| self.check())
    }

    fn add(&mut self, second: SampleBatch) {
        match self.batches.last_mut() {
            Some(batch) if !self.seconds.is_multiple_of(self.length) => batch.add(&second),
            _ => self.batches.push(second),
        }
        self.seconds += 1;
        if self.seconds == MAX_BATCHES * self.length {
            let pairs = self.batches.chunks(2);
            self.batches = pairs.filter_map(SampleBatch::sum).collect();
            self.length *= 2;
        }
    }

    /// The batches that are complete.
    fn complete(&self) -> &[SampleBatch] {
        let complete = self.seconds / self.length;
        self.batches.get(..complete).unwrap_or_default()
    }

    fn check(&mut self) -> Precision {
        self.checks += 1;
        let found = match self.until.metric {
            PreciseMetric::Throughput => self.throughput(),
            PreciseMetric::Percentile(quantile) => self.percentile(quantile),
        };
        let [figure, low, high] = found.unwrap_or_default();
        let mut precision = Precision {
            text: self.until.to_string(),
            figure,
            low,
            high,
            reached: false,
            looks: self.checks,
        };
        let share = precision.share();
        precision.reached = share.is_some_and(|share| share <= self.until.share);
        precision
    }

    fn throughput(&self) -> Option<[Option<f64>; 3]> {
        let batches = self.complete().iter();
        let batches: Vec<_> = batches.map(|each| (each.replies, each.seconds)).collect();
        let ConfidenceInterval { estimate, half } = batch::ratio(&batches, self.alpha)?;
        Some([estimate, estimate - half, estimate + half].map(Some))
    }

    /// From the interval of the share of samples above the percentile: the latencies
    /// above which such shares lie.
    fn percentile(&self, quantile: f64) -> Option<[Option<f64>; 3]> {
        let all = SampleBatch::sum(self.complete())?.latencies;
        let figure = at(&all, quantile).ok()?;
        let edge = value_at(&all, quantile);
        let above = |batch: &SampleBatch| {
            let latencies = &batch.latencies;
            let below = latencies.count_between(0, edge);
            ((latencies.len() - below) as f64, latencies.len() as f64)
        };
        let batches: Vec<_> = self.complete().iter().map(above).collect();
        let half = batch::ratio(&batches, self.alpha)?.half;
        // Beyond the extremes nothing is known.
        let at = |quantile: f64| {
            let is_inside = quantile > 0.0 && quantile < 1.0;
            is_inside.then(|| value_at(&all, quantile) as f64 / 1e3)
        };
        Some([Some(figure), at(quantile - half), at(quantile + half)])
    }
}

/// The seconds after which the figure is checked: 20, 28, 40, 56, 80 …
fn check_times() -> impl Iterator<Item = usize> {
    (0..40).flat_map(|doublings| FIRST.map(|seconds| seconds << doublings))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
