//! `--expect`: what the run must reach to pass.

use std::{cmp::Ordering, fmt};

use crate::{
    output::text::{Latency, three_digits},
    results::{Expectation, Results},
};

mod parse;

pub(crate) use parse::parse;

/// One expectation, such as `p99<5ms`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Expect {
    /// As it was given.
    text: String,
    metric: Metric,
    operator: Operator,
    /// In `unit`.
    bound: f64,
    /// In microseconds for a latency, else 1.
    unit: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Metric {
    Throughput,
    Errors,
    Unanswered,
    Connections,
    Min,
    Mean,
    Max,
    /// The latency at this quantile.
    Percentile(f64),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Operator {
    Below,
    AtMost,
    Above,
    AtLeast,
    Equal,
}

impl Metric {
    fn is_latency(self) -> bool {
        match self {
            Self::Throughput | Self::Errors | Self::Unanswered | Self::Connections => false,
            Self::Min | Self::Mean | Self::Max | Self::Percentile(_) => true,
        }
    }

    /// In microseconds for a latency; `None` when nothing was measured.
    fn measured(self, results: &Results) -> Option<f64> {
        let latency = &results.latency;
        let measured = match self {
            Self::Throughput => results.throughput,
            Self::Errors => results.failures.values().sum::<u64>() as f64,
            Self::Unanswered => results.messages.unanswered as f64,
            Self::Connections => results.connections.opened as f64,
            _ if latency.count == 0 => return None,
            Self::Min => latency.min_us,
            Self::Mean => latency.mean_us,
            Self::Max => latency.max_us,
            Self::Percentile(quantile) => latency.at(quantile)?,
        };
        measured.is_finite().then_some(measured)
    }
}

impl Operator {
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Below => ordering.is_lt(),
            Self::AtMost => ordering.is_le(),
            Self::Above => ordering.is_gt(),
            Self::AtLeast => ordering.is_ge(),
            Self::Equal => ordering.is_eq(),
        }
    }
}

impl Expect {
    /// Holds the expectation against a run. What was not measured was missed.
    pub(crate) fn judge(&self, results: &Results) -> Expectation {
        let measured = self.metric.measured(results).map(|value| value / self.unit);
        Expectation {
            text: self.text.clone(),
            measured,
            met: measured
                .and_then(|measured| measured.partial_cmp(&self.bound))
                .is_some_and(|ordering| self.operator.holds(ordering)),
        }
    }

    /// How far `measured` is from the bound.
    fn distance(&self, measured: f64) -> String {
        let distance = measured - self.bound;
        let side = match measured.partial_cmp(&self.bound) {
            Some(Ordering::Greater) => "over",
            Some(Ordering::Less) => "under",
            _ => return "no more and no less".to_owned(),
        };
        if self.bound > 0.0 {
            let percent = 100.0 * distance.abs() / self.bound;
            let digits = usize::from(percent < 10.0);
            format!("{percent:.digits$} % {side}")
        } else {
            format!("{} {side}", self.show(distance.abs()))
        }
    }

    fn show(&self, value: f64) -> String {
        if self.metric.is_latency() {
            Latency(value * self.unit).to_string()
        } else if value.fract() == 0.0 {
            value.to_string()
        } else {
            three_digits(value)
        }
    }
}

/// In one line: `p99<5ms missed: 7.31 ms, 46 % over`.
impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = &self.text;
        let verb = if self.met { "met" } else { "missed" };
        let Some(measured) = self.measured else {
            return write!(f, "{text} {verb}: nothing was measured");
        };
        // The bound is in the text, and nowhere else in the results.
        let Ok(expect) = parse(text) else {
            return write!(f, "{text} {verb}: {measured}");
        };
        write!(f, "{text} {verb}: {}", expect.show(measured))?;
        if !self.met {
            write!(f, ", {}", expect.distance(measured))?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::results::{Distribution, sample};

    fn line(text: &str, results: &Results) -> String {
        parse(text).unwrap().judge(results).to_string()
    }

    #[test]
    fn every_metric_reads_its_own_figure() {
        let mut results = sample();
        results.connections.opened = 3;
        results.messages.unanswered = 2;
        results.failures = [("short".to_owned(), 4), ("timeout".to_owned(), 3)].into();
        for (text, measured) in [
            ("qps>1", 100_000.0),
            ("throughput>1", 100_000.0),
            ("errors=0", 7.0),
            ("unanswered=0", 2.0),
            ("connections=4", 3.0),
            ("min<1us", 20.0),
            ("mean<1us", 40.0),
            ("max<1µs", 900.0),
            ("p50<1us", 40.0),
            ("p99<1us", 90.0),
            ("p99.9 < 1 us", 150.0),
            ("p99.99<1us", 400.0),
            ("p75<1us", 50.0),
            ("p100<1us", 900.0),
            // In the unit it was given in.
            ("max<1ms", 0.9),
            ("max<900ns", 900_000.0),
            ("max<1s", 0.0009),
        ] {
            let judged = parse(text).unwrap().judge(&results);
            let off = judged.measured.unwrap() / measured - 1.0;
            assert!(off.abs() < 1e-9, "{text}: {judged:?}");
            assert_eq!(judged.text, text);
        }
    }

    #[test]
    fn operators_differ_at_the_bound() {
        let results = sample(); // p99 is 90 µs.
        for (sign, met) in [
            ("<", [false, false, true]),
            ("<=", [false, true, true]),
            (">", [true, false, false]),
            (">=", [true, true, false]),
            ("=", [false, true, false]),
        ] {
            for (bound, met) in ["89us", "0.09ms", "90.5us"].iter().zip(met) {
                let text = format!("p99{sign}{bound}");
                assert_eq!(parse(&text).unwrap().judge(&results).met, met, "{text}");
            }
        }
    }

    #[test]
    fn what_was_not_measured_was_missed() {
        let mut results = sample();
        results.latency = Distribution::default();
        for text in ["p99<5s", "p99>=0s", "min>=0s", "mean<5s", "max<5s"] {
            let judged = parse(text).unwrap().judge(&results);
            assert!(!judged.met, "{text}");
            assert_eq!(judged.measured, None);
            assert_eq!(
                judged.to_string(),
                format!("{text} missed: nothing was measured")
            );
        }
        results.throughput = f64::NAN;
        assert!(!parse("qps>=0").unwrap().judge(&results).met);
    }

    #[test]
    fn a_miss_says_by_how_much() {
        let mut results = sample();
        results.latency.p99_us = 7310.0;
        assert_eq!(
            line("p99<5ms", &results),
            "p99<5ms missed: 7.31 ms, 46 % over"
        );
        assert_eq!(
            line("p99<7.31ms", &results),
            "p99<7.31ms missed: 7.31 ms, no more and no less"
        );
        assert_eq!(line("p99<8ms", &results), "p99<8ms met: 7.31 ms");
        assert_eq!(
            line("qps>105k", &results),
            "qps>105k missed: 100000, 4.8 % under"
        );
        results.failures = [("short".to_owned(), 3)].into();
        assert_eq!(line("errors=0", &results), "errors=0 missed: 3, 3 over");
    }
}
