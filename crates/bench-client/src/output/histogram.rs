//! A distribution drawn with characters.

use crate::{output::text::Latency, results::Distribution};

/// Most rows.
const ROWS: i32 = 8;

/// The quantile at which the last row begins. Rows as far as the maximum would
/// leave all but a few of them to outliers.
const TAIL: f64 = 0.999;

/// Columns of a row beside its bar: `≤ 12.3 ms `, ` 100.0 %`.
const LABEL_COLUMNS: usize = 10;
const SHARE_COLUMNS: usize = 8;

/// Draws the shares of a distribution in at most [`ROWS`] rows of at most
/// `columns`: each up to a latency, which grows by the same factor from row to
/// row, and the last from p99.9 to the maximum. No samples make no rows.
pub(crate) fn rows(distribution: &Distribution, columns: usize) -> Vec<String> {
    let buckets = buckets(distribution);
    let largest = buckets.iter().map(|(_, share)| *share).fold(0.0, f64::max);
    let width = columns.saturating_sub(LABEL_COLUMNS + SHARE_COLUMNS);
    buckets
        .iter()
        .map(|(edge_us, share)| {
            let bar = bar(share / largest, width);
            let label = Latency(*edge_us);
            let percent = percent(*share);
            format!("≤{label:>8} {bar:<width$} {percent:>5} %")
        })
        .collect()
}

/// The upper edge of each bucket, in microseconds, and its share.
fn buckets(distribution: &Distribution) -> Vec<(f64, f64)> {
    let Some(tail_us) = distribution.at(TAIL) else {
        return Vec::new();
    };
    let (min_us, max_us) = (distribution.min_us, distribution.max_us);
    // Up to p99.9; a minimum of 0 would make an endless factor.
    let low_us = min_us.max(0.001);
    let growth = (tail_us / low_us).max(1.0).powf(1.0 / f64::from(ROWS - 1));
    let mut edges: Vec<f64> = (1..ROWS).map(|row| low_us * growth.powi(row)).collect();
    edges.push(max_us);
    // With one sample, or all alike, the edges are the same.
    edges.dedup_by(|b, a| *b <= *a * 1.000_001);
    if let Some(last) = edges.last_mut() {
        *last = max_us;
    }
    let last = edges.len() - 1;
    let mut below = 0.0;
    edges
        .into_iter()
        .enumerate()
        .map(|(row, edge_us)| {
            // Rounded edges must not lose the last samples.
            let up_to = if row == last {
                1.0
            } else {
                share_up_to(distribution, edge_us)
            };
            let share = up_to - below;
            below = up_to;
            (edge_us, share)
        })
        .collect()
}

/// The share of samples that do not exceed a latency: the curve, taken as
/// straight between its points.
fn share_up_to(distribution: &Distribution, latency_us: f64) -> f64 {
    let curve = &distribution.curve;
    let reached = curve.partition_point(|point| point.latency_us <= latency_us);
    let (before, after) = curve.split_at(reached);
    match (before.last(), after.first()) {
        (Some(a), Some(b)) => {
            let way = (latency_us - a.latency_us) / (b.latency_us - a.latency_us);
            a.quantile + way * (b.quantile - a.quantile)
        }
        (Some(_), None) => 1.0,
        (None, _) => 0.0,
    }
}

/// A bar for a share of the largest, at least one character for any at all.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 0..1 of a width
fn bar(share: f64, width: usize) -> String {
    "#".repeat(((share * width as f64).ceil() as usize).min(width))
}

/// `<0.1` where 0.0 would hide that there is something.
fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    if percent > 0.0 && percent < 0.05 {
        "<0.1".to_owned()
    } else {
        format!("{percent:.1}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::{Point, sample};

    #[test]
    fn shares_add_up_to_the_whole() {
        let buckets = buckets(&sample().latency);
        assert_eq!(buckets.len(), 8);
        let total: f64 = buckets.iter().map(|(_, share)| share).sum();
        assert!((total - 1.0).abs() < 1e-9, "{total}");
        assert!(buckets.iter().all(|(_, share)| *share >= 0.0));
        assert!(buckets.is_sorted_by(|a, b| a.0 < b.0));
        // From p99.9, 150 µs, on.
        assert!((buckets[6].0 - 150.0).abs() < 1e-6);
        assert!((buckets[7].0 - 900.0).abs() < 1e-6);
        assert!((buckets[7].1 - 0.001).abs() < 1e-6);
    }

    #[test]
    fn a_maximum_below_the_rounded_curve_loses_nothing() {
        let mut latency = sample().latency;
        latency.max_us = 600.0;
        let total: f64 = buckets(&latency).iter().map(|(_, share)| share).sum();
        assert!((total - 1.0).abs() < 1e-9, "{total}");
    }

    #[test]
    fn the_curve_is_read_between_its_points() {
        let latency = sample().latency;
        for (latency_us, share) in [
            (19.0, 0.0),
            (20.0, 0.0),
            (30.0, 0.25),
            (40.0, 0.5),
            (55.0, 0.825),
            (900.0, 1.0),
            (901.0, 1.0),
        ] {
            let read = share_up_to(&latency, latency_us);
            assert!((read - share).abs() < 1e-9, "{latency_us}: {read}");
        }
    }

    #[test]
    fn rows_fill_the_columns_and_no_more() {
        for columns in [20, 41, 55] {
            let rows = rows(&sample().latency, columns);
            assert_eq!(rows.len(), 8);
            for row in &rows {
                assert_eq!(row.chars().count(), columns, "{row}");
            }
            let longest = rows.iter().map(|row| row.matches('#').count()).max();
            assert_eq!(longest, Some(columns - 18));
            assert!(rows[7].contains("# ") && rows[7].ends_with(" 0.1 %"));
        }
    }

    #[test]
    fn one_sample_makes_one_row_and_none_makes_none() {
        let one = Distribution {
            count: 1,
            min_us: 42.0,
            max_us: 42.0,
            curve: vec![
                Point {
                    quantile: 0.0,
                    latency_us: 42.0,
                },
                Point {
                    quantile: 1.0,
                    latency_us: 42.0,
                },
            ],
            ..Distribution::default()
        };
        assert_eq!(rows(&one, 24), ["≤ 42.0 µs ###### 100.0 %"]);
        assert!(rows(&Distribution::default(), 24).is_empty());
        // A zero has no logarithm.
        let zero = Distribution {
            count: 1,
            curve: vec![Point {
                quantile: 1.0,
                latency_us: 0.0,
            }],
            ..Distribution::default()
        };
        assert_eq!(rows(&zero, 24), ["≤ 0.00 µs ###### 100.0 %"]);
    }

    #[test]
    fn a_small_share_is_not_hidden() {
        assert_eq!(percent(0.000_01), "<0.1");
        assert_eq!(percent(0.0), "0.0");
        assert_eq!(percent(0.000_6), "0.1");
        assert_eq!(bar(0.000_01, 10), "#");
        assert_eq!(bar(0.0, 10), "");
        assert_eq!(bar(1.0, 10).len(), 10);
    }
}
