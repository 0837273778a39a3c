//! `--expect`: what the run must reach to pass.

use std::{fmt, str::FromStr};

use hdrhistogram::Histogram;

use crate::{
    results::{Expectation, Results},
    statistics::percentile,
};

mod metric;
mod number;
mod text;

use metric::Metric;

/// One expectation, such as `p99<5ms` or `valid`.
///
/// It is made by parsing a metric, an operator and a value, or `valid`.
#[derive(Clone, Debug)]
pub struct Expect {
    /// As given.
    text: String,
    metric: Metric,
    holds: Operator,
    /// In `unit`.
    bound: f64,
    /// In microseconds for a latency, else 1.
    unit: f64,
}

/// Whether the first value, which was measured, is as required by the second.
type Operator = fn(&f64, &f64) -> bool;

/// The longer ones first: `<` would match `<=` as well.
const OPERATORS: [(&str, Operator); 6] = [
    ("==", f64::eq),
    ("<=", f64::le),
    (">=", f64::ge),
    ("<", f64::lt),
    (">", f64::gt),
    ("=", f64::eq),
];

/// Units of a latency, in microseconds.
const UNITS: [(&str, f64); 5] = [
    ("ns", 1e-3),
    ("us", 1.0),
    ("µs", 1.0),
    ("ms", 1e3),
    ("s", 1e6),
];

/// Factors of a number.
const FACTORS: [(&str, f64); 4] = [("", 1.0), ("k", 1e3), ("M", 1e6), ("G", 1e9)];

impl FromStr for Expect {
    type Err = String;

    /// The error says what was expected, in one line.
    fn from_str(text: &str) -> Result<Self, String> {
        let expect = |metric, holds, bound, unit| Self {
            text: text.to_owned(),
            metric,
            holds,
            bound,
            unit,
        };
        if text.trim() == "valid" {
            return Ok(expect(Metric::Valid, f64::eq, 1.0, 1.0));
        }
        let (name, rest) = text
            .find(['<', '>', '='])
            .map(|at| text.split_at(at))
            .ok_or(
                "expected valid, or a metric, one of < <= > >= = and a value, such as p99<5ms",
            )?;
        let metric = Metric::named(name.trim()).ok_or(
            "expected qps, errors, unanswered, unsent, connections, min, mean, max or a \
             percentile such as p99.9",
        )?;
        let (holds, value) = OPERATORS
            .iter()
            .find_map(|(sign, holds)| Some((*holds, rest.strip_prefix(sign)?.trim())))
            .ok_or("expected one of < <= > >= =")?;
        let (bound, unit) = if metric.is_latency() {
            number::parse_scaled(value, &UNITS)
                .ok_or("expected a latency with its unit, such as 800us, 1.5ms or 2s")?
        } else {
            let (number, factor) = number::parse_scaled(value, &FACTORS)
                .ok_or("expected a number without a unit, such as 0, 50000, 50k or 1.5M")?;
            (number * factor, 1.0)
        };
        Ok(expect(metric, holds, bound, unit))
    }
}

impl Expect {
    /// Samples required to tell whether it is met.
    #[must_use]
    pub fn samples_needed(&self) -> u64 {
        match self.metric {
            Metric::Percentile(quantile) => percentile::samples_needed(quantile),
            _ => 1,
        }
    }

    /// Whether it is an upper limit of a latency.
    pub(crate) fn limits_latency(&self) -> bool {
        self.metric.is_latency() && (self.holds)(&0.0, &self.bound)
    }

    /// Checks a run and its latencies. A figure that was not measured, or with too
    /// few samples, misses the expectation.
    pub(crate) fn check(&self, results: &Results, latencies: &Histogram<u64>) -> Expectation {
        let measured = self.metric.measured(results, latencies);
        let samples_needed = measured.err().flatten();
        let measured = measured.ok().map(|value| value / self.unit);
        Expectation {
            text: self.text.clone(),
            measured,
            met: measured.is_some_and(|measured| (self.holds)(&measured, &self.bound)),
            samples_needed,
        }
    }
}

/// As given.
impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
