//! Whether samples follow a distribution.

use serde::{Deserialize, Serialize};

/// Minimum number of samples: of fewer the test would find only gross deviations.
const MIN_SAMPLES: usize = 100;

/// How well gaps between events fit an exponential distribution, which is that of a
/// Poisson process: the one-sample Kolmogorov–Smirnov test.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    /// Gaps that were compared.
    pub gaps: u64,
    /// The maximum distance of the two cumulative distributions, 0 to 1.
    pub ks_statistic: f64,
    /// The probability of at least such a distance if the gaps are exponential.
    pub p_value: f64,
}

impl Fit {
    /// Tests `gaps`, in units of their expected mean; `None` if there are too few.
    #[must_use]
    pub fn exponential(mut gaps: Vec<f64>) -> Option<Self> {
        if gaps.len() < MIN_SAMPLES {
            return None;
        }
        gaps.sort_by(f64::total_cmp);
        let n = gaps.len() as f64;
        let distances = gaps.iter().enumerate().map(|(rank, gap)| {
            let expected = -(-gap).exp_m1();
            let (below, above) = (rank as f64 / n, (rank + 1) as f64 / n);
            (expected - below).max(above - expected)
        });
        let distance = distances.fold(0.0, f64::max);
        Some(Self {
            gaps: gaps.len() as u64,
            ks_statistic: distance,
            p_value: kolmogorov((n.sqrt() + 0.12 + 0.11 / n.sqrt()) * distance),
        })
    }
}

/// The probability that Kolmogorov's statistic exceeds `x`: 2 Σ (-1)^(k-1) e^(-2k²x²).
/// With Stephens's correction of its argument (1970) it holds for few samples, too.
fn kolmogorov(x: f64) -> f64 {
    // Below, it is 1 to nine digits, and the series converges slowly.
    const LEAST: f64 = 0.27;
    if x < LEAST {
        return 1.0;
    }
    let terms = (1..=20).map(|k| {
        let sign = if k % 2 == 1 { 2.0 } else { -2.0 };
        sign * (-2.0 * f64::from(k * k) * x * x).exp()
    });
    terms.sum::<f64>().clamp(0.0, 1.0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn gaps(seed: u64, count: usize) -> Vec<f64> {
        let mut random = fastrand::Rng::with_seed(seed);
        (0..count).map(|_| -(1.0 - random.f64()).ln()).collect()
    }

    #[test]
    fn chances_are_those_of_the_tables() {
        for (x, p) in [(1.224, 0.10), (1.358, 0.05), (1.628, 0.01), (1.949, 0.001)] {
            assert!((kolmogorov(x) / p - 1.0).abs() < 0.01, "{x}");
        }
        assert!(kolmogorov(0.0) > 0.999 && kolmogorov(0.3) > 0.999);
        assert!(kolmogorov(9.0) < 1e-9);
    }

    /// For exponential gaps, p is below any limit with that probability.
    #[test]
    fn right_samples_fail_as_often_as_they_should() {
        let runs = 2000_u32;
        let p = |seed| Fit::exponential(gaps(seed, 500)).unwrap().p_value;
        let all: Vec<f64> = (0..u64::from(runs)).map(p).collect();
        for limit in [0.5, 0.1, 0.01] {
            let below = all.iter().filter(|p| **p < limit).count() as f64;
            let (mean, deviation) = (
                f64::from(runs) * limit,
                (f64::from(runs) * limit * (1.0 - limit)).sqrt(),
            );
            assert!((below - mean).abs() < 4.0 * deviation, "{below} of {mean}");
        }
    }

    #[test]
    fn wrong_samples_fail() {
        let fails = |change: fn(f64) -> f64| {
            let gaps = gaps(7, 4000).into_iter().map(change).collect();
            Fit::exponential(gaps).unwrap().p_value < 0.001
        };
        assert!(!fails(|gap| gap));
        // Even, too slow by a sixth, held for a while, in batches.
        assert!(fails(|_| 1.0));
        assert!(fails(|gap| 1.17 * gap));
        assert!(fails(|gap| gap.max(0.1)));
        assert!(fails(|gap| if gap < 0.1 { 0.0 } else { gap }));
    }

    #[test]
    fn few_samples_say_nothing() {
        assert_eq!(Fit::exponential(gaps(7, 99)), None);
        assert!(Fit::exponential(gaps(7, 100)).is_some());
    }
}
