//! The spread of a figure over several runs.

use serde::{Deserialize, Serialize};

/// The median of some values, their minimum and maximum.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The middle one, or the mean of the middle two.
    pub median: f64,
    /// The minimum.
    pub min: f64,
    /// The maximum.
    pub max: f64,
}

impl Spread {
    /// `None` without values.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut values = values.to_vec();
        values.sort_by(f64::total_cmp);
        let upper = values.get(values.len() / 2)?;
        let lower = values.get(values.len().checked_sub(1)? / 2)?;
        Some(Self {
            median: f64::midpoint(*lower, *upper),
            min: *values.first()?,
            max: *values.last()?,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn spread(values: &[f64]) -> Spread {
        Spread::of(values).unwrap()
    }

    #[test]
    fn medians_of_even_counts_are_between() {
        let figures = |values| {
            let Spread { median, min, max } = spread(values);
            (median, min, max)
        };
        assert_eq!(figures(&[3.0, 1.0, 2.0]), (2.0, 1.0, 3.0));
        assert_eq!(figures(&[4.0, 1.0, 2.0, 3.0]), (2.5, 1.0, 4.0));
        assert_eq!(figures(&[7.0]), (7.0, 7.0, 7.0));
        assert_eq!(Spread::of(&[]), None);
    }
}
