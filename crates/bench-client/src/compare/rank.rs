//! The exact rank test of Mann, Whitney and Wilcoxon: could both sets of runs
//! have come from the same source?

/// Most runs of a set: 12 against 12 take 2.7 million steps, C(24, 12).
pub(crate) const MAX_RUNS: u64 = 12;

/// Chance, at most 1, that two sets from the same source would differ in rank
/// as much as `a` and `b` do, either way. Ties count for the same source.
pub(crate) fn p_value(a: &[f64], b: &[f64]) -> f64 {
    let wins = |a: &[f64], b: &[f64]| {
        let beaten = |x: f64| b.iter().filter(|y| x >= **y).count() as u64;
        a.iter().map(|x| beaten(*x)).sum::<u64>()
    };
    // A tie counts for both sides, which takes the lesser one towards the
    // middle.
    let lesser = wins(a, b).min(wins(b, a));
    let (n, m) = (a.len() as u64, b.len() as u64);
    (2.0 * at_most(n, m, lesser) / at_most(n, m, n * m)).min(1.0)
}

/// The least chance that sets of this size can reach: no overlap at all.
pub(crate) fn least_p_value(n: u64, m: u64) -> f64 {
    (2.0 / at_most(n, m, n * m)).min(1.0)
}

/// In how many orders of `n` and `m` values the `n` win at most `wins` of the
/// `n * m` pairs. The greatest value is either one of the `n`, which wins `m`
/// pairs, or one of the `m`, which loses them all.
fn at_most(n: u64, m: u64, wins: u64) -> f64 {
    if n == 0 || m == 0 {
        return 1.0;
    }
    let greatest_wins = wins
        .checked_sub(m)
        .map_or(0.0, |left| at_most(n - 1, m, left));
    greatest_wins + at_most(n, m - 1, wins)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn close(measured: f64, expected: f64) {
        assert!((measured - expected).abs() < 1e-12, "{measured}");
    }

    #[test]
    fn all_orders_are_counted() {
        // C(6, 3), C(8, 4), C(24, 12).
        close(at_most(3, 3, 9), 20.0);
        close(at_most(4, 4, 16), 70.0);
        close(at_most(12, 12, 144), 2_704_156.0);
        // Of 3 and 3: 1, 1, 2 and 3 orders with 0, 1, 2 and 3 wins.
        close(at_most(3, 3, 3), 7.0);
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
}
