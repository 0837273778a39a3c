//! The figures of a histogram of latencies.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::percentile::{samples_needed, value_at};

/// Points of the curve for each halving of the distance to quantile 1.
const POINTS_PER_HALVING: u32 = 8;

/// Maximum rows of the histogram in the summary.
const ROWS: i32 = 8;

/// The quantile at which the last row begins. Even rows up to the maximum would be
/// spent on a few outliers.
const TAIL: f64 = 0.999;

/// Latencies that were recorded with three significant digits.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    /// Samples.
    pub count: u64,
    /// The minimum.
    pub min_us: f64,
    /// The arithmetic mean.
    pub mean_us: f64,
    /// The standard deviation.
    pub stddev_us: f64,
    /// The maximum.
    pub max_us: f64,
    /// Median.
    pub p50_us: f64,
    /// 90th percentile.
    pub p90_us: f64,
    /// 99th percentile.
    pub p99_us: f64,
    /// 99.9th percentile.
    pub p99_9_us: f64,
    /// 99.99th percentile.
    pub p99_99_us: f64,
    /// The histogram in a few rows, none of them empty.
    pub buckets: Vec<Bucket>,
    /// The whole rising curve from quantile 0 to 1; the steps halve with the distance
    /// to 1.
    pub curve: Vec<Point>,
}

/// The percentiles that every distribution has: their names, quantiles and figures.
type Percentile = (&'static str, f64, fn(&Distribution) -> f64);

const PERCENTILES: [Percentile; 5] = [
    ("p50", 0.5, |latency| latency.p50_us),
    ("p90", 0.9, |latency| latency.p90_us),
    ("p99", 0.99, |latency| latency.p99_us),
    ("p99.9", 0.999, |latency| latency.p99_9_us),
    ("p99.99", 0.9999, |latency| latency.p99_99_us),
];

impl Distribution {
    /// Its percentiles in microseconds, each with its name, or `None` if there are
    /// too few samples for it.
    pub(crate) fn percentiles(&self) -> [(&'static str, Option<f64>); 5] {
        PERCENTILES.map(|(name, quantile, figure)| {
            let is_known = self.count >= samples_needed(quantile);
            (name, is_known.then(|| figure(self)))
        })
    }

    /// One of them, by its name.
    pub(crate) fn percentile(&self, name: &str) -> Option<f64> {
        let mut percentiles = self.percentiles().into_iter();
        percentiles.find(|(each, _)| *each == name)?.1
    }
}

/// A row of a histogram.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bucket {
    /// Lower edge, exclusive.
    pub above_us: f64,
    /// Upper edge, inclusive.
    pub up_to_us: f64,
    /// Samples between them.
    pub count: u64,
}

/// A share `quantile` of the samples is at most `latency_us`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// In 0..1.
    pub quantile: f64,
    /// The latency there.
    pub latency_us: f64,
}

/// The figures of `latencies`, which are in nanoseconds.
pub(crate) fn distribution(latencies: &Histogram<u64>) -> Distribution {
    if latencies.is_empty() {
        return Distribution::default();
    }
    let at = |quantile| us(value_at(latencies, quantile));
    Distribution {
        count: latencies.len(),
        min_us: us(latencies.min()),
        mean_us: latencies.mean() / 1e3,
        stddev_us: latencies.stdev() / 1e3,
        max_us: us(latencies.max()),
        p50_us: at(0.5),
        p90_us: at(0.9),
        p99_us: at(0.99),
        p99_9_us: at(0.999),
        p99_99_us: at(0.9999),
        buckets: buckets(latencies),
        curve: latencies
            .iter_quantiles(POINTS_PER_HALVING)
            .map(|value| Point {
                quantile: value.quantile_iterated_to(),
                latency_us: us(value.value_iterated_to().min(latencies.max())),
            })
            .collect(),
    }
}

fn us(ns: u64) -> f64 {
    ns as f64 / 1e3
}

/// The histogram in at most [`ROWS`] rows: their edges rise by the same factor up to
/// p99.9, and the last row reaches from there to the maximum. Edges are those of the
/// histogram's own buckets, so every count is exact; empty rows are left out.
fn buckets(latencies: &Histogram<u64>) -> Vec<Bucket> {
    let (min, max) = (latencies.min(), latencies.max());
    let tail = value_at(latencies, TAIL).min(max);
    let low = min.max(1) as f64;
    let growth = (tail as f64 / low).max(1.0).powf(1.0 / f64::from(ROWS - 1));
    // Between the minimum and the maximum, so it fits a u64.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let edges = (1..ROWS).map(|row| latencies.highest_equivalent((low * growth.powi(row)) as u64));
    let mut buckets: Vec<Bucket> = Vec::new();
    let mut above = min.saturating_sub(1);
    for edge in edges.map(|edge| edge.min(max)).chain([max]) {
        let count = if edge > above {
            latencies.count_between(above + 1, edge)
        } else {
            0
        };
        if count > 0 {
            buckets.push(Bucket {
                above_us: us(above),
                up_to_us: us(edge),
                count,
            });
            above = edge;
        }
    }
    buckets
}

#[cfg(test)]
#[allow(clippy::float_cmp, clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(values: impl IntoIterator<Item = u64>) -> Histogram<u64> {
        let mut histogram = Histogram::new_with_bounds(1, 2, 3).unwrap();
        histogram.auto(true);
        for ns in values {
            histogram.record(ns).unwrap();
        }
        histogram
    }

    #[test]
    fn a_distribution_is_in_order_and_ends_at_its_maximum() {
        let distribution = distribution(&of((1..=10_000).map(|us| us * 1000)));
        assert_eq!(distribution.count, 10_000);
        for (figure, us) in [
            (distribution.min_us, 1.0),
            (distribution.p50_us, 5000.0),
            (distribution.p90_us, 9000.0),
            (distribution.p99_us, 9900.0),
            (distribution.p99_9_us, 9990.0),
            (distribution.p99_99_us, 9999.0),
            (distribution.max_us, 10_000.0),
            (distribution.mean_us, 5000.5),
            (distribution.stddev_us, 2886.75),
        ] {
            assert!((figure / us - 1.0).abs() < 0.001, "{figure} for {us}");
        }
        let curve = &distribution.curve;
        assert!(curve.len() > 50);
        assert!(
            curve.is_sorted_by(|a, b| a.quantile <= b.quantile && a.latency_us <= b.latency_us)
        );
        let last = curve.last().unwrap();
        assert!((last.quantile - 1.0).abs() < 1e-9);
        assert!((last.latency_us / distribution.max_us - 1.0).abs() < 1e-9);
    }

    #[test]
    fn no_samples_have_no_figures() {
        assert_eq!(distribution(&of([])), Distribution::default());
    }

    #[test]
    fn percentiles_without_enough_samples_have_no_figure() {
        let mut latency = crate::results::sample().latency;
        let all = [40.0, 60.0, 90.0, 150.0, 400.0];
        for (count, known) in [
            (100_000, 5),
            (99_999, 4),
            (1000, 3),
            (999, 2),
            (20, 1),
            (19, 0),
        ] {
            latency.count = count;
            let figures = latency.percentiles();
            for (n, (name, figure)) in figures.into_iter().enumerate() {
                assert_eq!(figure, (n < known).then_some(all[n]), "{name} of {count}");
                assert_eq!(latency.percentile(name), figure);
            }
        }
        assert_eq!(latency.percentile("p75"), None);
    }

    #[test]
    fn few_samples_have_few_rows() {
        assert_eq!(
            buckets(&of([42_000])),
            [Bucket {
                above_us: 41.983,
                up_to_us: 42.015,
                count: 1,
            }]
        );
        // Rows up to 23.5, 55 … 4000 µs, and most of them would be empty.
        let rows = buckets(&of([10_000, 20_000, 4_000_000]));
        assert_eq!(rows.iter().map(|row| row.count).collect::<Vec<_>>(), [2, 1]);
    }

    #[test]
    fn rows_grow_by_the_same_factor_up_to_the_tail() {
        // 1 ms to 128 ms evenly on a logarithmic scale, and two outliers.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let body = (0..7000).map(|n| (1e6 * 2_f64.powf(f64::from(n) / 1000.0)) as u64);
        let rows = buckets(&of(body.chain([10_000_000_000; 2])));
        assert_eq!(rows.len(), 8);
        for (row, ms) in rows.iter().zip([2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0]) {
            assert!((row.up_to_us / 1000.0 / ms - 1.0).abs() < 0.02, "{row:?}");
            assert!((980..=1020).contains(&row.count), "{row:?}");
        }
        assert!(rows[7].up_to_us >= 1e7 && rows[7].count < 20);
    }

    proptest! {
        #[test]
        fn each_sample_is_in_one_row(values in proptest::collection::vec(1_u64..1 << 40, 1..50)) {
            let histogram = of(values.iter().copied());
            let rows = buckets(&histogram);
            prop_assert!(rows.len() <= 8 && rows.iter().all(|row| row.count > 0));
            prop_assert_eq!(rows.iter().map(|row| row.count).sum::<u64>(), histogram.len());
            for row in &rows {
                let inside = values.iter().filter(|&&ns| {
                    let us = us(histogram.highest_equivalent(ns));
                    row.above_us < us && us <= row.up_to_us
                });
                prop_assert_eq!(inside.count() as u64, row.count);
            }
            prop_assert!(rows.windows(2).all(|pair| pair[0].up_to_us <= pair[1].above_us));
        }
    }
}
