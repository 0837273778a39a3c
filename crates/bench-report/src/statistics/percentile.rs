//! Percentiles of a histogram, and how many samples they require.

use hdrhistogram::Histogram;

/// Samples beyond a percentile below which it is mostly chance: the number of 10
/// samples has a standard deviation of √10, a third of itself.
const SAMPLES_BEYOND: f64 = 10.0;

/// Samples that `quantile` requires: 1,000 for p99, and as many for p1. The minimum and
/// the maximum require one.
pub(crate) fn samples_needed(quantile: f64) -> u64 {
    let beyond = quantile.min(1.0 - quantile);
    if beyond <= 0.0 {
        return 1;
    }
    // Rounded, because 1 - 0.99 is not quite 0.01. It is positive, as the share is at
    // most a half, and saturates at u64::MAX.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let needed = (SAMPLES_BEYOND / beyond).round() as u64;
    needed
}

/// The latency at `quantile`, in microseconds.
///
/// # Errors
///
/// How many samples it requires, if there are fewer.
pub(crate) fn at(latencies: &Histogram<u64>, quantile: f64) -> Result<f64, u64> {
    let needed = samples_needed(quantile);
    if latencies.len() < needed {
        return Err(needed);
    }
    Ok(value_at(latencies, quantile) as f64 / 1e3)
}

/// The value that a share `quantile` of the samples does not exceed.
///
/// The product of a quantile and a count is rounded up to a sample, and in floating
/// point 0.999 times 100,000 is a little more than 99,900.
pub(crate) fn value_at(latencies: &Histogram<u64>, quantile: f64) -> u64 {
    const ROUNDING: f64 = 1e-12;
    latencies.value_at_quantile((quantile - ROUNDING).max(0.0))
}

#[cfg(test)]
#[allow(clippy::float_cmp, clippy::unwrap_used)]
mod tests {
    use super::*;

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
