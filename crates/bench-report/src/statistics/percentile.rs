//! Percentiles of a distribution, and how many samples they take.

use hdrhistogram::Histogram;

use super::Distribution;

/// Samples beyond a percentile below which it is mostly luck: with 10 of them
/// their number has a standard deviation of √10, a third of itself.
const SAMPLES_BEYOND: f64 = 10.0;

/// The percentiles that every distribution has, by name and quantile.
pub(crate) const PERCENTILES: [(&str, f64); 5] = [
    ("p50", 0.5),
    ("p90", 0.9),
    ("p99", 0.99),
    ("p99.9", 0.999),
    ("p99.99", 0.9999),
];

impl Distribution {
    /// The latencies of [`PERCENTILES`] in microseconds, each with its name, or
    /// `None` where there are too few samples for it.
    pub(crate) fn percentiles(&self) -> [(&'static str, Option<f64>); 5] {
        let figures = [
            self.p50_us,
            self.p90_us,
            self.p99_us,
            self.p99_9_us,
            self.p99_99_us,
        ];
        std::array::from_fn(|n| {
            let (name, quantile) = PERCENTILES[n];
            let is_known = self.count >= samples_needed(quantile);
            (name, is_known.then_some(figures[n]))
        })
    }

    /// One of them, by its name.
    pub(crate) fn percentile(&self, name: &str) -> Option<f64> {
        let percentiles = self.percentiles().into_iter();
        percentiles
            .filter(|(each, _)| *each == name)
            .find_map(|(_, us)| us)
    }
}

/// Samples that it takes to speak of `quantile`: 1,000 for p99 and as many for
/// p1. The least and the greatest take one.
pub(crate) fn samples_needed(quantile: f64) -> u64 {
    let beyond = quantile.min(1.0 - quantile);
    if beyond <= 0.0 {
        return 1;
    }
    // Rounded, because 1 - 0.99 is not quite 0.01. A share of at most a half, so
    // it is positive, and too many samples to count are as good as u64::MAX.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let needed = (SAMPLES_BEYOND / beyond).round() as u64;
    needed
}

/// The latency that a share `quantile` of the samples did not exceed, in
/// microseconds.
///
/// # Errors
///
/// How many samples it takes, if there are fewer.
pub(crate) fn at(latencies: &Histogram<u64>, quantile: f64) -> Result<f64, u64> {
    let needed = samples_needed(quantile);
    if latencies.len() < needed {
        return Err(needed);
    }
    Ok(value_at(latencies, quantile) as f64 / 1e3)
}

/// The value that a share `quantile` of the samples did not exceed.
///
/// The product of a quantile and a count is rounded up to a sample, and 0.999
/// times 100,000 is a little more than 99,900 to a float.
pub(crate) fn value_at(latencies: &Histogram<u64>, quantile: f64) -> u64 {
    const ROUNDING: f64 = 1e-12;
    latencies.value_at_quantile((quantile - ROUNDING).max(0.0))
}

#[cfg(test)]
#[allow(clippy::float_cmp, clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::results::sample;

    #[test]
    fn ten_samples_lie_beyond_a_percentile() {
        for (quantile, needed) in [
            (0.5, 20),
            (0.9, 100),
            (0.99, 1000),
            (0.999, 10_000),
            (0.9999, 100_000),
            (0.01, 1000),
            (0.25, 40),
            (0.0, 1),
            (1.0, 1),
        ] {
            assert_eq!(samples_needed(quantile), needed, "{quantile}");
        }
    }

    #[test]
    fn percentiles_without_enough_samples_have_no_figure() {
        let mut latency = sample().latency;
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
    fn any_percentile_is_that_of_the_histogram() {
        let mut latencies = Histogram::<u64>::new(3).unwrap();
        for us in 1..=1000 {
            latencies.record(us * 1000).unwrap();
        }
        for (quantile, us) in [
            (0.0, 1.0),
            (0.123, 123.0),
            (0.95, 950.0),
            (0.99, 990.0),
            (1.0, 1000.0),
        ] {
            let at = at(&latencies, quantile).unwrap();
            assert!((at / us - 1.0).abs() < 0.001, "{at} for {us}");
        }
        // 0.999 × 1000 is not quite 999.
        assert_eq!(
            value_at(&latencies, 0.999),
            latencies.highest_equivalent(999_000)
        );
        assert_eq!(at(&latencies, 0.991), Err(1111));
        assert_eq!(at(&Histogram::new(3).unwrap(), 1.0), Err(1));
    }
}
