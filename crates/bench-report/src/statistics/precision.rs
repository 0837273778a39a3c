//! How precisely a figure is to be known (`--until`), and how precisely it is.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::format::{Count, Latency};

/// A figure and its requested precision: `throughput±2%`.
#[derive(Clone, Debug, PartialEq)]
pub struct Until {
    /// As given.
    text: String,
    pub(super) metric: PreciseMetric,
    /// Of the figure.
    pub(super) share: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum PreciseMetric {
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
        let show = if is_rate { Count } else { Latency };
        let end = |end: Option<f64>| end.map_or("unknown".to_owned(), |end| show(end).to_string());
        let (figure, low, high) = (show(figure), end(self.low), end(self.high));
        write!(f, "{figure}, {low} to {high} with 95 % confidence")
    }
}
