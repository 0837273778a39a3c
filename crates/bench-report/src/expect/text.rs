//! The outcome of an expectation as text.

use std::{cmp::Ordering, fmt};

use super::{Expect, metric::Metric};
use crate::{
    format::{Count, Latency},
    results::Expectation,
};

/// `p99<5ms missed: 7.31 ms, 46 % over`.
impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if self.met { "met" } else { "missed" };
        write!(f, "{} {verb}: ", self.text)?;
        if let Some(samples) = self.samples_needed {
            return write!(f, "it takes {samples} samples, and there were fewer");
        }
        let Some(measured) = self.measured else {
            return f.write_str("nothing was measured");
        };
        // The bound is in the text, and nowhere else in the results.
        match self.text.parse::<Expect>() {
            Ok(expect) if matches!(expect.metric, Metric::Valid) => {
                f.write_str(if measured > 0.0 { "VALID" } else { "SUSPECT" })
            }
            Ok(expect) if self.met => f.write_str(&expect.show(measured)),
            Ok(expect) => write!(
                f,
                "{}, {}",
                expect.show(measured),
                expect.distance(measured)
            ),
            Err(_) => write!(f, "{measured}"),
        }
    }
}

impl Expect {
    /// How far `measured` is from the bound.
    fn distance(&self, measured: f64) -> String {
        let distance = (measured - self.bound).abs();
        let side = match measured.partial_cmp(&self.bound) {
            Some(Ordering::Greater) => "over",
            Some(Ordering::Less) => "under",
            _ => return "exactly at the limit".to_owned(),
        };
        if self.bound > 0.0 {
            let percent = 100.0 * distance / self.bound;
            let digits = usize::from(percent < 10.0);
            format!("{percent:.digits$} % {side}")
        } else {
            format!("{} {side}", self.show(distance))
        }
    }

    fn show(&self, value: f64) -> String {
        match self.metric {
            Metric::Latency(_) | Metric::Percentile(_) => Latency(value * self.unit).to_string(),
            // A count, which is exact.
            _ if value.fract() == 0.0 => value.to_string(),
            _ => Count(value).to_string(),
        }
    }
}
