//! `--expect`: what the run must reach to pass.

use std::{cmp::Ordering, fmt};

use hdrhistogram::Histogram;

use crate::{
    format::{Count, Latency},
    results::{Expectation, Results},
    statistics::percentile,
};

mod parse;

use parse::parse;

/// One expectation, such as `p99<5ms` or `valid`.
///
/// It is made by parsing: a metric, an operator and a value, or `valid`.
#[derive(Clone, Debug, PartialEq)]
pub struct Expect {
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
    /// Whether the run is valid: 1 or 0.
    Valid,
    Throughput,
    Failures,
    Unanswered,
    Unsent,
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

/// Why there is no figure.
enum Unknown {
    Nothing,
    /// Its percentile takes so many samples.
    TooFew(u64),
}

impl Metric {
    fn is_latency(self) -> bool {
        matches!(
            self,
            Self::Min | Self::Mean | Self::Max | Self::Percentile(_)
        )
    }

    /// In microseconds for a latency.
    fn measured(self, results: &Results, latencies: &Histogram<u64>) -> Result<f64, Unknown> {
        let latency = &results.latency;
        let measured = match self {
            Self::Valid => f64::from(u8::from(results.verdict.valid)),
            Self::Throughput => results.throughput,
            Self::Failures => results.failed() as f64,
            Self::Unanswered => results.messages.unanswered as f64,
            Self::Unsent => results.messages.unsent as f64,
            Self::Connections => results.connections.opened as f64,
            _ if latency.count == 0 => return Err(Unknown::Nothing),
            Self::Min => latency.min_us,
            Self::Mean => latency.mean_us,
            Self::Max => latency.max_us,
            Self::Percentile(quantile) => {
                percentile::at(latencies, quantile).map_err(Unknown::TooFew)?
            }
        };
        if measured.is_finite() {
            Ok(measured)
        } else {
            Err(Unknown::Nothing)
        }
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

impl std::str::FromStr for Expect {
    type Err = String;

    /// The error says what was expected, in one line.
    fn from_str(text: &str) -> Result<Self, String> {
        parse(text)
    }
}

impl Expect {
    /// Whether it is about the verdict, which then has to be known.
    pub(crate) fn is_about_verdict(&self) -> bool {
        self.metric == Metric::Valid
    }

    /// Samples that it takes to tell whether it is met.
    #[must_use]
    pub fn samples_needed(&self) -> u64 {
        match self.metric {
            Metric::Percentile(quantile) => percentile::samples_needed(quantile),
            _ => 1,
        }
    }

    /// Holds the expectation against a run and its latencies. What was not
    /// measured, or with too few samples, was missed.
    pub(crate) fn check(&self, results: &Results, latencies: &Histogram<u64>) -> Expectation {
        let measured = self.metric.measured(results, latencies);
        let samples_needed = match measured {
            Err(Unknown::TooFew(samples)) => Some(samples),
            _ => None,
        };
        let measured = measured.ok().map(|value| value / self.unit);
        Expectation {
            text: self.text.clone(),
            measured,
            met: measured
                .and_then(|measured| measured.partial_cmp(&self.bound))
                .is_some_and(|ordering| self.operator.holds(ordering)),
            samples_needed,
        }
    }

    /// How far `measured` is from the bound.
    fn distance(&self, measured: f64) -> String {
        let distance = measured - self.bound;
        let side = match measured.partial_cmp(&self.bound) {
            Some(Ordering::Greater) => "over",
            Some(Ordering::Less) => "under",
            _ => return "exactly at the limit".to_owned(),
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
            // A count, which is exact.
            value.to_string()
        } else {
            Count(value).to_string()
        }
    }
}

/// As it was given.
impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// In one line: `p99<5ms missed: 7.31 ms, 46 % over`.
impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = &self.text;
        let verb = if self.met { "met" } else { "missed" };
        write!(f, "{text} {verb}")?;
        if let Some(samples) = self.samples_needed {
            return write!(f, ": it takes {samples} samples, and there were fewer");
        }
        let Some(measured) = self.measured else {
            return f.write_str(": nothing was measured");
        };
        // The bound is in the text, and nowhere else in the results.
        match parse(text) {
            Ok(expect) if expect.is_about_verdict() => {
                let is_valid = measured > 0.0;
                f.write_str(if is_valid { ": VALID" } else { ": SUSPECT" })
            }
            Ok(expect) => {
                write!(f, ": {}", expect.show(measured))?;
                if self.met {
                    return Ok(());
                }
                write!(f, ", {}", expect.distance(measured))
            }
            Err(_) => write!(f, ": {measured}"),
        }
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
        assert!(parse("valid").unwrap().is_about_verdict());
        assert!(!parse("qps>1").unwrap().is_about_verdict());
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
}
