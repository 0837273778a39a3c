//! Percentiles of a distribution, and how many samples they take.

use crate::results::Distribution;

/// Samples beyond a percentile below which it is mostly luck: with 10 of them
/// their number has a standard deviation of √10, a third of itself.
const SAMPLES_BEYOND: f64 = 10.0;

/// Quantiles closer than this are the same: 99.9 / 100 is not quite 0.999, and
/// nobody has the ten thousand million samples to tell.
const ROUNDING: f64 = 1e-9;

impl Distribution {
    /// The latency that a share `quantile` of the samples did not exceed, in
    /// microseconds; `None` without samples.
    ///
    /// Exact for the percentiles that have a field. For others it is that of
    /// the next point of the curve, so never too low.
    pub(crate) fn at(&self, quantile: f64) -> Option<f64> {
        let fields = [
            (0.0, self.min_us),
            (0.5, self.p50_us),
            (0.9, self.p90_us),
            (0.99, self.p99_us),
            (0.999, self.p99_9_us),
            (0.9999, self.p99_99_us),
            (1.0, self.max_us),
        ];
        let field = fields
            .iter()
            .find(|(exact, _)| (exact - quantile).abs() < ROUNDING)
            .map(|(_, latency_us)| *latency_us);
        let on_curve = || {
            let reached = |quantile_there: f64| quantile_there >= quantile - ROUNDING;
            let point = self.curve.iter().find(|point| reached(point.quantile));
            point.or(self.curve.last()).map(|point| point.latency_us)
        };
        field.or_else(on_curve).filter(|_| self.count > 0)
    }

    /// Whether enough samples lie beyond `quantile` to speak of it: p99 takes
    /// 1,000 samples, p99.99 takes 100,000.
    pub(crate) fn supports(&self, quantile: f64) -> bool {
        self.count as f64 >= samples_needed(quantile)
    }

    /// The latency at `quantile`, in microseconds, if there are enough samples
    /// to speak of it.
    pub(crate) fn supported(&self, quantile: f64) -> Option<f64> {
        self.at(quantile).filter(|_| self.supports(quantile))
    }
}

/// Samples that it takes to speak of `quantile`.
pub(crate) fn samples_needed(quantile: f64) -> f64 {
    // Rounded, because 1 - 0.99 is not quite 0.01.
    (SAMPLES_BEYOND / (1.0 - quantile)).round()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::sample;

    #[test]
    fn fields_are_exact_and_the_curve_rounds_up() {
        let mut latency = sample().latency;
        latency.p99_us = 89.0;
        for (quantile, latency_us) in [
            (0.0, 20.0),
            (0.5, 40.0),
            (0.51, 50.0),
            (0.99, 89.0),
            (0.98, 90.0),
            (0.9901, 150.0),
            (1.0, 900.0),
        ] {
            assert_eq!(latency.at(quantile), Some(latency_us), "{quantile}");
        }
        assert_eq!(latency.at(99.9 / 100.0), Some(150.0));
        assert_eq!(Distribution::default().at(0.5), None);
        assert_eq!(Distribution::default().at(0.6), None);
    }

    #[test]
    fn ten_samples_lie_beyond_a_percentile() {
        let mut latency = sample().latency;
        for (quantile, enough) in [(0.5, 20), (0.99, 1000), (0.999, 10_000), (0.9999, 100_000)] {
            latency.count = enough;
            assert!(latency.supports(quantile), "{quantile}");
            latency.count = enough - 1;
            assert!(!latency.supports(quantile), "{quantile}");
        }
        assert!(!latency.supports(1.0));
    }
}
