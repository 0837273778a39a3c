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
mod tests {
    use super::*;
    use crate::{results::sample, statistics::Distribution};

    /// 100,000 latencies, 1 to 1,000 µs equally often.
    fn latencies() -> Histogram<u64> {
        let mut latencies = Histogram::new(3).unwrap();
        for us in 1..=1000 {
            latencies.record_n(us * 1000, 100).unwrap();
        }
        latencies
    }

    fn parse(text: &str) -> Result<Expect, String> {
        text.parse()
    }

    fn check(text: &str, results: &Results) -> Expectation {
        parse(text).unwrap().check(results, &latencies())
    }

    #[test]
    fn every_metric_reads_its_own_figure() {
        let mut results = sample();
        results.connections.opened = 3;
        results.messages.unanswered = 2;
        results.messages.unsent = 5;
        results.failures = [("short".to_owned(), 4), ("timeout".to_owned(), 3)].into();
        for (text, measured) in [
            ("valid", 1.0),
            ("qps>1", 100_000.0),
            ("throughput>1", 100_000.0),
            ("errors=0", 7.0),
            ("failures=0", 7.0),
            ("unanswered=0", 2.0),
            ("unsent=0", 5.0),
            ("connections=4", 3.0),
            ("min<1us", 20.0),
            ("mean<1us", 40.0),
            ("max<1µs", 900.0),
            ("p50<1us", 500.0),
            ("p95<1us", 950.0),
            ("p99.9 < 1 us", 999.0),
            ("p99.99<1us", 1000.0),
            ("p100<1us", 1000.0),
            ("p1<1us", 10.0),
            ("p0<1us", 1.0),
            // In the unit it was given in.
            ("max<1ms", 0.9),
            ("max<900ns", 900_000.0),
            ("max<1s", 0.0009),
            ("p90<1ms", 0.9),
        ] {
            let expectation = check(text, &results);
            let off = expectation.measured.unwrap() / measured - 1.0;
            assert!(off.abs() < 0.001, "{text}: {expectation:?}");
            assert_eq!(expectation.text, text);
            assert_eq!(expectation.samples_needed, None);
        }
    }

    #[test]
    fn operators_differ_at_the_bound() {
        let results = sample(); // The maximum is 900 µs.
        for (sign, met) in [
            ("<", [false, false, true]),
            ("<=", [false, true, true]),
            (">", [true, false, false]),
            (">=", [true, true, false]),
            ("=", [false, true, false]),
            ("==", [false, true, false]),
        ] {
            for (bound, met) in ["899us", "0.9ms", "900.5us"].iter().zip(met) {
                let text = format!("max{sign}{bound}");
                assert_eq!(check(&text, &results).met, met, "{text}");
            }
        }
    }

    #[test]
    fn what_was_not_measured_was_missed() {
        let mut results = sample();
        results.latency = Distribution::default();
        for text in ["p99<5s", "p99>=0s", "min>=0s", "mean<5s", "max<5s"] {
            let expectation = check(text, &results);
            assert!(!expectation.met, "{text}");
            assert_eq!(expectation.measured, None);
            assert_eq!(
                expectation.to_string(),
                format!("{text} missed: nothing was measured")
            );
        }
        results.throughput = f64::NAN;
        assert!(!check("qps>=0", &results).met);
    }

    #[test]
    fn a_percentile_needs_its_samples() {
        let expectation = check("p99.999<5s", &sample());
        assert!(!expectation.met);
        assert_eq!(expectation.samples_needed, Some(1_000_000));
        assert_eq!(
            expectation.to_string(),
            "p99.999<5s missed: it takes 1000000 samples, and there were fewer"
        );
        assert!(check("p99.99<5s", &sample()).met);
    }

    #[test]
    fn a_valid_run_can_be_expected() {
        let mut results = sample();
        assert_eq!(check("valid", &results).to_string(), "valid met: VALID");
        results.verdict.notes.push("as it is".to_owned());
        assert!(check("valid", &results).met);
        results.verdict.valid = false;
        let expectation = check(" valid ", &results);
        assert!(!expectation.met);
        assert_eq!(expectation.to_string(), " valid  missed: SUSPECT");
    }

    #[test]
    fn a_miss_says_by_how_much() {
        let mut results = sample();
        results.connections.opened = 5;
        results.latency.mean_us = 22.0;
        results.latency.max_us = 7310.0;
        for (text, line) in [
            ("max<5ms", "max<5ms missed: 7.31 ms, 46 % over"),
            (
                "connections<5",
                "connections<5 missed: 5, exactly at the limit",
            ),
            ("connections>50", "connections>50 missed: 5, 90 % under"),
            ("connections<=4", "connections<=4 missed: 5, 25 % over"),
            ("mean<20us", "mean<20us missed: 22.0 µs, 10 % over"),
            (
                "max<7.31ms",
                "max<7.31ms missed: 7.31 ms, exactly at the limit",
            ),
            ("max<8ms", "max<8ms met: 7.31 ms"),
            ("qps>105k", "qps>105k missed: 100000, 4.8 % under"),
            ("qps>1M", "qps>1M missed: 100000, 90 % under"),
            ("max<0s", "max<0s missed: 7.31 ms, 7.31 ms over"),
        ] {
            assert_eq!(check(text, &results).to_string(), line);
        }
        results.failures = [("short".to_owned(), 3)].into();
        let line = check("errors=0", &results).to_string();
        assert_eq!(line, "errors=0 missed: 3, 3 over");
        results.throughput = 0.25;
        let line = check("qps>1", &results).to_string();
        assert_eq!(line, "qps>1 missed: 0.250, 75 % under");
        let mut unknown = check("qps>1", &results);
        unknown.text = "of another version".to_owned();
        assert_eq!(unknown.to_string(), "of another version missed: 0.25");
    }

    #[test]
    fn numbers_take_factors_and_latencies_units() {
        for (text, bound) in [
            ("qps>50000", 50_000.0),
            ("qps>50k", 50_000.0),
            ("qps>1.5M", 1_500_000.0),
            ("p99<1.5ms", 1.5),
            ("errors==3", 3.0),
            ("qps=1G", 1e9),
            ("max<=2s", 2.0),
            ("unsent = 0.5", 0.5),
        ] {
            let off = parse(text).unwrap().bound - bound;
            assert!(off.abs() < 1e-9, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_right_is_refused_in_one_line() {
        for (bad, expected) in [
            ("", "or a metric, one of"),
            ("p99", "or a metric, one of"),
            ("invalid", "expected valid"),
            ("<5ms", "expected qps, errors"),
            ("p<5ms", "expected qps, errors"),
            ("p101<5ms", "expected qps, errors"),
            ("p-1<5ms", "expected qps, errors"),
            ("pNaN<5ms", "expected qps, errors"),
            ("median<5ms", "expected qps, errors"),
            ("p99<5", "a latency with its unit"),
            ("p99<", "a latency with its unit"),
            ("p99<ms", "a latency with its unit"),
            ("p99<-5ms", "a latency with its unit"),
            ("p99<1.2.3ms", "a latency with its unit"),
            ("p99<5h", "a latency with its unit"),
            ("p99===5ms", "a latency with its unit"),
            ("valid=1", "expected qps, errors"),
            ("qps>5ms", "a number without a unit"),
            ("qps>", "a number without a unit"),
            ("qps>inf", "a number without a unit"),
            ("qps>1e5", "a number without a unit"),
            ("errors=none", "a number without a unit"),
        ] {
            let error = parse(bad).unwrap_err();
            assert!(error.contains(expected), "{bad}: {error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }
}
