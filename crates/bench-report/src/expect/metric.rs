//! What can be expected of a run: its metrics, by name.

use hdrhistogram::Histogram;

use super::number;
use crate::{
    results::Results,
    statistics::{Distribution, percentile},
};

#[derive(Clone, Copy, Debug)]
pub(super) enum Metric {
    /// Whether the run is valid: 1 or 0.
    Valid,
    /// A count or a rate.
    Number(fn(&Results) -> f64),
    /// A latency in microseconds.
    Latency(fn(&Distribution) -> f64),
    /// The latency at this quantile.
    Percentile(f64),
}

/// The name of a figure, and how it is read.
type Named<T> = (&'static str, fn(&T) -> f64);

const NUMBERS: [Named<Results>; 7] = [
    ("qps", |results| results.throughput),
    ("throughput", |results| results.throughput),
    ("errors", |results| results.failed() as f64),
    ("failures", |results| results.failed() as f64),
    ("unanswered", |results| results.messages.unanswered as f64),
    ("unsent", |results| results.messages.unsent as f64),
    ("connections", |results| results.connections.opened as f64),
];

const LATENCIES: [Named<Distribution>; 3] = [
    ("min", |latency| latency.min_us),
    ("mean", |latency| latency.mean_us),
    ("max", |latency| latency.max_us),
];

impl Metric {
    /// The metric of this name, but for `valid`.
    pub(super) fn named(name: &str) -> Option<Self> {
        if let Some((_, read)) = NUMBERS.iter().find(|(each, _)| *each == name) {
            return Some(Self::Number(*read));
        }
        if let Some((_, read)) = LATENCIES.iter().find(|(each, _)| *each == name) {
            return Some(Self::Latency(*read));
        }
        name.strip_prefix('p')
            .and_then(number::parse)
            .filter(|percentile| *percentile <= 100.0)
            .map(|percentile| Self::Percentile(percentile / 100.0))
    }

    pub(super) fn is_latency(self) -> bool {
        matches!(self, Self::Latency(_) | Self::Percentile(_))
    }

    /// In microseconds for a latency.
    ///
    /// # Errors
    ///
    /// How many samples the percentile requires, if there are fewer; `None` if
    /// nothing was measured.
    pub(super) fn measured(
        self,
        results: &Results,
        latencies: &Histogram<u64>,
    ) -> Result<f64, Option<u64>> {
        let measured = match self {
            Self::Valid => f64::from(u8::from(results.verdict.valid)),
            Self::Number(read) => read(results),
            _ if results.latency.count == 0 => return Err(None),
            Self::Latency(read) => read(&results.latency),
            Self::Percentile(quantile) => percentile::at(latencies, quantile).map_err(Some)?,
        };
        if measured.is_finite() {
            Ok(measured)
        } else {
            Err(None)
        }
    }
}
