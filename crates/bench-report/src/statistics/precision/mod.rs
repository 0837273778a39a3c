//! How precisely a figure is known, during a run: `--until`.

use std::{fmt, str::FromStr, time::Duration};

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::{
    batch::{self, ConfidenceInterval},
    percentile::{at, value_at},
};
use crate::format::{Count, Latency};

/// The probability that the interval misses the figure.
const ALPHA: f64 = 0.05;

/// Seconds until the first check, and until the second. Earlier, there are too few
/// batches to estimate their correlation.
const FIRST: [usize; 2] = [20, 28];

/// Batches at which each two are merged into one, so that batches grow with the run,
/// and correlated seconds end up in the same batch.
const MAX_BATCHES: usize = 40;

/// A figure and its requested precision: `throughput±2%`.
#[derive(Clone, Debug, PartialEq)]
pub struct Until {
    /// As given.
    text: String,
    metric: PreciseMetric,
    /// Of the figure.
    share: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum PreciseMetric {
    Throughput,
    /// The latency at this quantile.
    Percentile(f64),
}

impl FromStr for Until {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = "expected a figure and its precision, such as throughput±2% or p99+-5%";
        let (metric, share) = text
            .split_once('±')
            .or_else(|| text.split_once("+-"))
            .ok_or(expected)?;
        let metric = match metric.trim() {
            "throughput" | "qps" => PreciseMetric::Throughput,
            name => name
                .strip_prefix('p')
                .and_then(|percentile| percentile.parse().ok())
                .filter(|percentile| *percentile > 0.0 && *percentile < 100.0)
                .map(|percentile: f64| PreciseMetric::Percentile(percentile / 100.0))
                .ok_or("expected throughput or a percentile such as p99")?,
        };
        let percent = share.trim().strip_suffix('%').map(str::trim);
        let share = percent
            .and_then(|percent| percent.parse().ok())
            .filter(|percent| (0.01..=50.0).contains(percent))
            .map(|percent: f64| percent / 100.0)
            .ok_or("expected a precision from 0.01% to 50%")?;
        Ok(Self {
            text: text.to_owned(),
            metric,
            share,
        })
    }
}

/// As given.
impl fmt::Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// How precisely a figure is known at the end of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Precision {
    /// What was requested.
    pub text: String,
    /// The figure: per second, or in microseconds for a latency.
    pub figure: Option<f64>,
    /// Lower end of its 95 % confidence interval; `null` if unknown.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// Whether the interval is as narrow as requested.
    pub reached: bool,
    /// How often that was checked, the last time included.
    pub looks: u64,
}

impl Precision {
    /// The distance from the figure to the farther end of the interval, as a share of
    /// the figure; `None` if unknown.
    #[must_use]
    pub fn share(&self) -> Option<f64> {
        let (figure, low, high) = (self.figure?, self.low?, self.high?);
        (figure > 0.0).then(|| (figure - low).max(high - figure) / figure)
    }
}

/// `throughput±2% reached: 100k, 99.1k to 101k with 95 % confidence`.
impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if self.reached { "" } else { "not " };
        write!(f, "{} {verb}reached: ", self.text)?;
        let Some(figure) = self.figure else {
            return f.write_str("the run was too short for an interval");
        };
        let is_rate = self
            .text
            .parse()
            .is_ok_and(|until: Until| until.metric == PreciseMetric::Throughput);
        let show = |figure: f64| {
            if is_rate {
                Count(figure).to_string()
            } else {
                Latency(figure).to_string()
            }
        };
        let end = |end: Option<f64>| end.map_or("unknown".to_owned(), show);
        let (figure, low, high) = (show(figure), end(self.low), end(self.high));
        write!(f, "{figure}, {low} to {high} with 95 % confidence")
    }
}

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
    batches: Vec<SampleBatch>,
    /// Seconds of a batch.
    length: usize,
    /// The incomplete batch, and how many seconds it has.
    partial: Option<(SampleBatch, usize)>,
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
            partial: None,
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
        self.seconds += 1;
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
        let (batch, seconds) = match self.partial.take() {
            Some((mut batch, seconds)) => {
                batch.add(&second);
                (batch, seconds + 1)
            }
            None => (second, 1),
        };
        if seconds < self.length {
            self.partial = Some((batch, seconds));
            return;
        }
        self.batches.push(batch);
        if self.batches.len() == MAX_BATCHES {
            let pairs = self.batches.chunks(2);
            self.batches = pairs.filter_map(SampleBatch::sum).collect();
            self.length *= 2;
        }
    }

    fn check(&mut self) -> Precision {
        self.checks += 1;
        let found = match self.until.metric {
            PreciseMetric::Throughput => self.throughput(),
            PreciseMetric::Percentile(quantile) => self.percentile(quantile),
        };
        let [figure, low, high] = found.unwrap_or_default();
        let mut precision = Precision {
            text: self.until.text.clone(),
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
        let batches = self.batches.iter();
        let batches: Vec<_> = batches.map(|each| (each.replies, each.seconds)).collect();
        let ConfidenceInterval { estimate, half } = batch::ratio(&batches, self.alpha)?;
        Some([estimate, estimate - half, estimate + half].map(Some))
    }

    /// From the interval of the share of samples above the percentile: the latencies
    /// above which such shares lie.
    fn percentile(&self, quantile: f64) -> Option<[Option<f64>; 3]> {
        let all = SampleBatch::sum(&self.batches)?.latencies;
        let figure = at(&all, quantile).ok()?;
        let edge = value_at(&all, quantile);
        let above = |batch: &SampleBatch| {
            let latencies = &batch.latencies;
            let below = latencies.count_between(0, edge);
            ((latencies.len() - below) as f64, latencies.len() as f64)
        };
        let batches: Vec<_> = self.batches.iter().map(above).collect();
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
