//! The exact rank test of Mann, Whitney and Wilcoxon, which tells whether two sets of
//! runs differ, and Holm's correction for testing many figures at once.

/// Maximum runs in a set: the counts below stay far below the maximum of an f64, as
/// C(200, 100) = 9e58.
pub(crate) const MAX_RUNS: u64 = 100;

/// p-value above which a difference is taken for noise.
pub(crate) const SIGNIFICANCE: f64 = 0.05;

/// The probability that two sets from the same source differ in rank at least as much
/// as `a` and `b` do, either way (Mann–Whitney U, exact). Ties count towards the same
/// source.
pub(crate) fn p_value(a: &[f64], b: &[f64]) -> f64 {
    let wins = |a: &[f64], b: &[f64]| {
        let beaten = |x: f64| b.iter().filter(|y| x >= **y).count();
        a.iter().map(|x| beaten(*x)).sum::<usize>()
    };
    // A tie counts for both sides, which moves the lower count towards the middle.
    let lesser = wins(a, b).min(wins(b, a));
    let orders = orders(a.len(), b.len());
    let as_far: f64 = orders.iter().take(lesser + 1).sum();
    (2.0 * as_far / orders.iter().sum::<f64>()).min(1.0)
}

/// The lowest p-value that sets of this size can have: without any overlap.
pub(crate) fn least_p_value(n: u64, m: u64) -> f64 {
    let size = |n: u64| usize::try_from(n.min(MAX_RUNS)).unwrap_or_default();
    let orders = orders(size(n), size(m));
    (2.0 / orders.iter().sum::<f64>()).min(1.0)
}

/// Runs per side with which one of `tests` figures can be significant.
pub(crate) fn runs_needed(tests: usize) -> u64 {
    let is_enough = |n: &u64| least_p_value(*n, *n) * tests as f64 <= SIGNIFICANCE;
    (1..MAX_RUNS).find(is_enough).unwrap_or(MAX_RUNS)
}

/// At each index the number of orders of `n` and `m` values in which the `n` win that
/// many of the `n * m` pairs. These are the coefficients of the Gaussian binomial, the
/// product of (1 - q^(m+i)) / (1 - q^i) for i from 1 to n.
fn orders(n: usize, m: usize) -> Vec<f64> {
    let mut counts = vec![0.0; n * m + 1];
    counts[0] = 1.0;
    for i in 1..=n {
        // Times 1 - q^(m+i), from the top so that each count is taken once.
        for wins in (m + i..counts.len()).rev() {
            counts[wins] -= counts[wins - m - i];
        }
        // Over 1 - q^i.
        for wins in i..counts.len() {
            counts[wins] += counts[wins - i];
        }
    }
    // It is symmetric, and rounding distorts the small counts at the far end.
    for wins in 0..counts.len() / 2 {
        counts[n * m - wins] = counts[wins];
    }
    counts
}

/// The p-values corrected for their number (Holm, 1979): among figures that do not
/// differ at all, at least one falls below a limit only with that probability.
pub(crate) fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
    let mut corrected = vec![1.0; p.len()];
    let mut least: f64 = 0.0;
    for (rank, index) in order.into_iter().enumerate() {
        least = least.max((p.len() - rank) as f64 * p[index]);
        corrected[index] = least.min(1.0);
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn close(measured: f64, expected: f64) {
        assert!((measured - expected).abs() < 1e-12, "{measured}");
    }

    /// The same one by one: whether the greatest value is one of the `n` or not.
    fn counted(n: usize, m: usize, wins: usize) -> f64 {
        if n == 0 || m == 0 {
            return f64::from(u8::from(wins == 0));
        }
        let greatest = wins
            .checked_sub(m)
            .map_or(0.0, |left| counted(n - 1, m, left));
        greatest + counted(n, m - 1, wins)
    }

    #[test]
    fn all_orders_are_counted() {
        for (n, m) in [
            (0, 3),
            (3, 0),
            (1, 1),
            (3, 3),
            (4, 4),
            (2, 5),
            (5, 2),
            (6, 6),
        ] {
            let orders = orders(n, m);
            assert_eq!(orders.len(), n * m + 1);
            for (wins, count) in orders.into_iter().enumerate() {
                close(count, counted(n, m, wins));
            }
        }
        // C(24, 12).
        close(orders(12, 12).iter().sum(), 2_704_156.0);
        let large = orders(100, 100);
        assert!(large.iter().all(|count| *count >= 1.0 && count.is_finite()));
        // Of 3 wins: 3, 2 + 1 and 1 + 1 + 1.
        close(large[3], 3.0);
        close(large[9_997], 3.0);
    }

    #[test]
    fn sets_apart_differ_and_sets_alike_do_not() {
        let low = [1.0, 2.0, 3.0, 4.0];
        let high = [5.0, 6.0, 7.0, 8.0];
        close(p_value(&low, &high), 2.0 / 70.0);
        close(p_value(&high, &low), 2.0 / 70.0);
        close(least_p_value(4, 4), 2.0 / 70.0);
        close(least_p_value(3, 3), 0.1);
        close(least_p_value(1, 1), 1.0);
        close(least_p_value(4, 8), 2.0 / 495.0);
        // One swapped neighbour: 1 win, 2 of 70 orders, either way.
        close(
            p_value(&[1.0, 2.0, 3.0, 5.0], &[4.0, 6.0, 7.0, 8.0]),
            4.0 / 70.0,
        );
        // The critical value of the tables for 5 and 5 at 5 % is 2.
        close(
            p_value(&[1.0, 2.0, 3.0, 4.0, 7.0], &[5.0, 6.0, 8.0, 9.0, 10.0]),
            8.0 / 252.0,
        );
        close(p_value(&low, &low), 1.0);
        close(p_value(&[2.0; 4], &[2.0; 4]), 1.0);
    }

    #[test]
    fn many_tests_take_more_runs() {
        assert_eq!(runs_needed(1), 4);
        assert_eq!(runs_needed(3), 5);
        assert_eq!(runs_needed(8), 6);
    }

    #[test]
    fn chances_are_corrected_by_their_rank() {
        let corrected = holm(&[0.01, 0.04, 0.03, 0.005]);
        for (corrected, expected) in corrected.into_iter().zip([0.03, 0.06, 0.06, 0.02]) {
            close(corrected, expected);
        }
        assert_eq!(holm(&[0.3, 0.9]), [0.6, 0.9]);
        assert_eq!(holm(&[0.6, 0.7]), [1.0, 1.0]);
        assert!(holm(&[]).is_empty());
    }
}
