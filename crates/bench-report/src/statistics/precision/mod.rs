//! How precisely a figure is known, while a run goes on: `--until`.

use std::{fmt, str::FromStr, time::Duration};

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::{
    batch::{self, ConfidenceInterval},
    percentile::{at, value_at},
};
use crate::format::{Count, Latency};

/// The chance that an interval does not hold the figure.
const ALPHA: f64 = 0.05;

/// Seconds until the first look, and until the second. Before that, batches are too
/// few to show how alike they are.
const FIRST: [usize; 2] = [20, 28];

/// Batches that are too many: each two then become one, so that batches grow with
/// the run, and what is alike within seconds ends up in the same one.
const MAX_BATCHES: usize = 40;

/// A figure, and how precisely it is to be known: `throughput±2%`.
#[derive(Clone, Debug, PartialEq)]
pub struct Until {
    /// As it was given.
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

/// As it was given.
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
    /// Lower end of its 95 % confidence interval; `null` if that is not known.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// Whether it is as narrow as requested.
    pub reached: bool,
    /// How often that was looked at, the last time included.
    pub looks: u64,
}

impl Precision {
    /// How far the ends of the interval are from the figure, at most, as a share of
    /// it; `None` if that is not known.
    #[must_use]
    pub fn share(&self) -> Option<f64> {
        let (figure, low, high) = (self.figure?, self.low?, self.high?);
        (figure > 0.0).then(|| (figure - low).max(high - figure) / figure)
    }
}

/// In one line: `throughput±2% reached: 100k, 99.1k to 101k with 95 % confidence`.
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

/// What came in one or more seconds.
#[derive(Clone, Debug)]
struct SampleBatch {
    seconds: f64,
    replies: f64,
    latencies: Histogram<u64>,
}

impl SampleBatch {
    /// All of them in one; `None` without any.
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

/// Looks at a figure again and again until it is known as precisely as requested.
///
/// Who looks often finds a narrow interval by chance, so every look has its share
/// of the chance to be wrong (Bonferroni): what `ALPHA` is for all of them. Looks
/// come less and less often, so they stay few.
#[derive(Debug)]
pub struct PrecisionWatch {
    until: Until,
    batches: Vec<SampleBatch>,
    /// Seconds of a batch.
    length: usize,
    /// What is not yet a whole batch, and of how many seconds.
    partial: Option<(SampleBatch, usize)>,
    seconds: usize,
    next_look: usize,
    looks: u64,
    /// Of each look.
    alpha: f64,
    /// What the look found that ended the run.
    reached: Option<Precision>,
}

impl PrecisionWatch {
    /// For a run that takes `longest` at most.
    #[must_use]
    pub fn new(until: Until, longest: Duration) -> Self {
        let looks = looks().take_while(|at| (*at as u64) < longest.as_secs());
        Self {
            until,
            batches: Vec::new(),
            length: 1,
            partial: None,
            seconds: 0,
            next_look: FIRST[0],
            looks: 0,
            // And one at the end.
            alpha: ALPHA / (looks.count() + 1) as f64,
            reached: None,
        }
    }

    /// Takes what came in a second, latencies in nanoseconds; returns whether the
    /// figure is known as precisely as requested.
    pub fn second(&mut self, length: Duration, replies: u64, latencies: &Histogram<u64>) -> bool {
        self.add(SampleBatch {
            seconds: length.as_secs_f64(),
            replies: replies as f64,
            latencies: latencies.clone(),
        });
        self.seconds += 1;
        if self.seconds < self.next_look {
            return false;
        }
        self.next_look = looks().find(|at| *at > self.seconds).unwrap_or(usize::MAX);
        let precision = self.look();
        let is_reached = precision.reached;
        self.reached = Some(precision).filter(|_| is_reached);
        is_reached
    }

    /// How precisely it is known at the end.
    #[must_use]
    pub fn finish(mut self) -> Precision {
        // What came since then cannot take it back.
        let reached = self.reached.take();
        reached.unwrap_or_else(|| self.look())
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
            self.batches = self
                .batches
                .chunks(2)
                .filter_map(SampleBatch::sum)
                .collect();
            self.length *= 2;
        }
    }

    fn look(&mut self) -> Precision {
        self.looks += 1;
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
            looks: self.looks,
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

    /// The interval of the share of samples above the percentile, and the latencies
    /// that such shares lie above.
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
        // Beyond all samples nothing is known.
        let at = |quantile: f64| {
            let is_inside = quantile > 0.0 && quantile < 1.0;
            is_inside.then(|| value_at(&all, quantile) as f64 / 1e3)
        };
        Some([Some(figure), at(quantile - half), at(quantile + half)])
    }
}

/// After how many seconds it is looked: 20, 28, 40, 56, 80 …
fn looks() -> impl Iterator<Item = usize> {
    (0..40).flat_map(|doublings| FIRST.map(|seconds| seconds << doublings))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
