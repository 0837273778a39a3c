//! How precisely a figure is known, while a run goes on: `--until`.

use std::{fmt, str::FromStr, time::Duration};

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::format::{Count, Latency};

use super::{
    batch::{self, Interval},
    percentile::{at, value_at},
};

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
    metric: Metric,
    /// Of the figure.
    share: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Metric {
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
            "throughput" | "qps" => Metric::Throughput,
            name => name
                .strip_prefix('p')
                .and_then(|percentile| percentile.parse().ok())
                .filter(|percentile| *percentile > 0.0 && *percentile < 100.0)
                .map(|percentile: f64| Metric::Percentile(percentile / 100.0))
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
            .is_ok_and(|until: Until| until.metric == Metric::Throughput);
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
struct Batch {
    seconds: f64,
    replies: f64,
    latencies: Histogram<u64>,
}

impl Batch {
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
    batches: Vec<Batch>,
    /// Seconds of a batch.
    length: usize,
    /// What is not yet a whole batch, and of how many seconds.
    partial: Option<(Batch, usize)>,
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
        self.add(Batch {
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

    fn add(&mut self, second: Batch) {
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
            self.batches = self.batches.chunks(2).filter_map(Batch::sum).collect();
            self.length *= 2;
        }
    }

    fn look(&mut self) -> Precision {
        self.looks += 1;
        let found = match self.until.metric {
            Metric::Throughput => self.throughput(),
            Metric::Percentile(quantile) => self.percentile(quantile),
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
        let Interval { estimate, half } = batch::ratio(&batches, self.alpha)?;
        Some([estimate, estimate - half, estimate + half].map(Some))
    }

    /// The interval of the share of samples above the percentile, and the latencies
    /// that such shares lie above.
    fn percentile(&self, quantile: f64) -> Option<[Option<f64>; 3]> {
        let all = Batch::sum(&self.batches)?.latencies;
        let figure = at(&all, quantile).ok()?;
        let edge = value_at(&all, quantile);
        let above = |batch: &Batch| {
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
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn histogram() -> Histogram<u64> {
        let mut histogram = Histogram::new_with_bounds(1, 2, 3).unwrap();
        histogram.auto(true);
        histogram
    }

    /// A normal deviate, by twelve uniform ones.
    fn normal(random: &mut fastrand::Rng) -> f64 {
        (0..12).map(|_| random.f64()).sum::<f64>() - 6.0
    }

    /// How many of `runs` had the true throughput of 1,000 in their interval, and
    /// how long they took in all. Seconds deviate by a tenth, and remember `memory`
    /// of how the one before did.
    fn covered(runs: u64, memory: f64, share: &str) -> (u64, usize) {
        let until: Until = format!("throughput±{share}").parse().unwrap();
        let (mut covered, mut seconds) = (0, 0);
        for seed in 0..runs {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut watch = PrecisionWatch::new(until.clone(), 600 * SECOND);
            let mut off = normal(&mut random);
            for _ in 0..600 {
                off = memory * off + (1.0 - memory * memory).sqrt() * normal(&mut random);
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                let replies = (1000.0 + 100.0 * off).max(0.0) as u64;
                seconds += 1;
                if watch.second(SECOND, replies, &histogram()) {
                    break;
                }
            }
            let precision = watch.finish();
            let (low, high) = (precision.low.unwrap(), precision.high.unwrap());
            covered += u64::from((low..=high).contains(&1000.0));
        }
        (covered, seconds)
    }

    /// 95 % of 200 are 190, with a deviation of 3.1.
    #[test]
    fn the_interval_holds_the_figure_of_independent_seconds() {
        let (covered, seconds) = covered(200, 0.0, "5%");
        assert!(covered >= 187, "{covered} of 200");
        // With one look, known beforehand, 16 s would do.
        assert!((20..80).contains(&(seconds / 200)), "{seconds}");
    }

    /// A deviation is remembered for 1.4, 4.5 and 9.5 s. With the last, the first
    /// looks see too few of such times, and the chance to be wrong is 8 %, not 5.
    #[test]
    fn the_interval_holds_the_figure_of_correlated_seconds() {
        for (memory, least) in [(0.5, 184), (0.8, 182), (0.9, 174)] {
            let (covered, _) = covered(200, memory, "5%");
            assert!(covered >= least, "{covered} of 200 with {memory}");
        }
    }

    #[test]
    fn the_interval_holds_a_percentile() {
        // Latencies of 1 ms times an exponential deviate: p90 is 2.30 ms.
        let until: Until = "p90±10%".parse().unwrap();
        let mut held = 0;
        for seed in 0..100 {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut watch = PrecisionWatch::new(until.clone(), 60 * SECOND);
            for _ in 0..60 {
                let mut latencies = histogram();
                for _ in 0..100 {
                    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                    let ns = (-1e6 * (1.0 - random.f64()).ln()) as u64 + 1;
                    latencies.record(ns).unwrap();
                }
                if watch.second(SECOND, 100, &latencies) {
                    break;
                }
            }
            let precision = watch.finish();
            let (low, high) = (precision.low.unwrap(), precision.high.unwrap());
            held += u64::from(low <= 2302.6 && 2302.6 <= high);
        }
        assert!(held >= 91, "{held} of 100");
    }

    #[test]
    fn a_figure_that_does_not_settle_is_not_known() {
        let mut watch = PrecisionWatch::new("qps+-2%".parse().unwrap(), 60 * SECOND);
        assert!((0..60).all(|n| !watch.second(SECOND, 1000 + 20 * n, &histogram())));
        let precision = watch.finish();
        assert!(!precision.reached && precision.share().unwrap() > 0.02);
    }

    #[test]
    fn an_even_run_ends_at_the_first_look() {
        let mut watch = PrecisionWatch::new("throughput±1%".parse().unwrap(), 60 * SECOND);
        let ends = (1..=60).find(|n| watch.second(SECOND, 1000 + n % 2, &histogram()));
        assert_eq!(ends, Some(20));
        // Too short to know anything.
        let watch = PrecisionWatch::new("p99±1%".parse().unwrap(), SECOND);
        let precision = watch.finish();
        assert_eq!((precision.reached, precision.figure), (false, None));
    }

    #[test]
    fn what_was_found_is_a_line() {
        let mut precision = Precision {
            text: "qps±2%".to_owned(),
            figure: Some(100_000.0),
            low: Some(99_100.0),
            high: Some(101_500.0),
            reached: true,
            looks: 3,
        };
        assert_eq!(
            precision.to_string(),
            "qps±2% reached: 100k, 99.1k to 102k with 95 % confidence"
        );
        assert!((precision.share().unwrap() - 0.015).abs() < 1e-9);
        precision.text = "p99+-2%".to_owned();
        (precision.high, precision.reached) = (None, false);
        assert_eq!(
            precision.to_string(),
            "p99+-2% not reached: 100 ms, 99.1 ms to unknown with 95 % confidence"
        );
        assert_eq!(precision.share(), None);
        precision.figure = None;
        let line = "p99+-2% not reached: the run was too short for an interval";
        assert_eq!(precision.to_string(), line);
    }

    #[test]
    fn texts() {
        for good in ["throughput±2%", "qps+-0.5%", "p99 ± 5 %", "p99.9+-10%"] {
            assert_eq!(good.parse::<Until>().unwrap().to_string(), good);
        }
        for bad in [
            "",
            "throughput",
            "throughput±2",
            "p100±2%",
            "p0±2%",
            "max±2%",
            "p99±0%",
            "p99±-1%",
            "p99±60%",
            "p99±nan%",
            "±2%",
        ] {
            assert!(bad.parse::<Until>().is_err(), "{bad}");
        }
    }
}
