//! A distribution drawn with characters.

use crate::{
    format::Latency,
    statistics::{Bucket, Distribution},
};

/// Columns of a row beside its bar: `≤ 12.3 ms `, ` 123456789`, ` 100.0 %`.
const LABEL_COLUMNS: usize = 10;
const COUNT_COLUMNS: usize = 10;
const SHARE_COLUMNS: usize = 8;

/// Columns below which there is no room for shares.
const NARROW: usize = 50;

/// Draws the buckets of a distribution in rows of `columns`: for each its upper edge,
/// a bar, its samples, and their share where there is room for it.
pub(crate) fn rows(distribution: &Distribution, columns: usize) -> Vec<String> {
    let buckets = &distribution.buckets;
    let largest = buckets.iter().map(|bucket| bucket.count).max().unwrap_or(0);
    let shares = if columns < NARROW { 0 } else { SHARE_COLUMNS };
    let width = columns.saturating_sub(LABEL_COLUMNS + COUNT_COLUMNS + shares);
    let row = |bucket: &Bucket| {
        let bar = bar(bucket.count as f64 / largest as f64, width);
        let (label, count) = (Latency(bucket.up_to_us), bucket.count);
        let row = format!("≤{label:>8} {bar:<width$} {count:>9}");
        if shares == 0 {
            return row;
        }
        let percent = percent(bucket.count as f64 / distribution.count as f64);
        format!("{row} {percent:>5} %")
    };
    buckets.iter().map(row).collect()
}

/// A bar for a share of the largest bucket; at least one character unless it is 0.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 0..1 of a width
fn bar(share: f64, width: usize) -> String {
    "#".repeat(((share * width as f64).ceil() as usize).min(width))
}

/// `<0.1` where 0.0 would hide that there are samples.
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
    use crate::results::sample;

    #[test]
    fn rows_fill_the_columns_exactly() {
        for columns in [41, 50, 55] {
            let rows = rows(&sample().latency, columns);
            assert_eq!(rows.len(), 4);
            for row in &rows {
                assert_eq!(row.chars().count(), columns, "{row}");
            }
        }
    }

    #[test]
    fn rows_show_edges_counts_and_shares() {
        assert_eq!(
            rows(&sample().latency, 50),
            [
                "≤ 40.0 µs ######################    500000  50.0 %",
                "≤ 60.0 µs ##################        400000  40.0 %",
                "≤  150 µs #####                      99000   9.9 %",
                "≤  900 µs #                           1000   0.1 %",
            ]
        );
        assert_eq!(
            rows(&sample().latency, 49)[3],
            "≤  900 µs #                                  1000"
        );
        assert!(rows(&Distribution::default(), 50).is_empty());
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
