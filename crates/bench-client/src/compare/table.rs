//! Two sides beside each other.

use std::fmt;

use crate::{
    compare::rank,
    output::text::{Latency, wrap},
    results::Results,
    spread::Spread,
};

/// Chance above which a difference is taken for noise.
const SIGNIFICANCE: f64 = 0.05;

/// A figure of a run; `None` where it has none, or too few samples for it.
type Figure = fn(&Results) -> Option<f64>;

/// How a figure is shown, with its unit.
type Show = fn(f64) -> String;

/// The rows: names, what is read of a run, and how it is shown.
const ROWS: [(&str, Figure, Show); 8] = [
    ("throughput", |r| Some(r.throughput), rate),
    ("mean", |r| measured(r, r.latency.mean_us), time),
    ("p50", |r| r.latency.supported(0.5), time),
    ("p90", |r| r.latency.supported(0.9), time),
    ("p99", |r| r.latency.supported(0.99), time),
    ("p99.9", |r| r.latency.supported(0.999), time),
    ("cpu/message", |r| r.messages.each(1e6 * r.cpu.own_s), time),
    (
        "server cpu",
        |r| r.messages.each(1e6 * r.cpu.server_s?),
        time,
    ),
];

fn measured(results: &Results, value: f64) -> Option<f64> {
    (results.messages.replies > 0).then_some(value)
}

fn rate(value: f64) -> String {
    format!("{value:.0}/s")
}

fn time(us: f64) -> String {
    Latency(us).to_string()
}

/// All rows that both sides have, and what they come to.
pub(crate) struct Table {
    rows: Vec<Row>,
    /// Runs on each side.
    runs: (u64, u64),
    /// Least and greatest ratio of a second of B to one of A, when each side
    /// has one run.
    seconds: Option<(f64, f64)>,
}

struct Row {
    name: &'static str,
    a: String,
    b: String,
    /// Of the medians.
    ratio: f64,
    /// Over all pairs of runs.
    least: f64,
    greatest: f64,
    /// See [`rank::p_value`].
    p: f64,
}

impl Table {
    pub(crate) fn new(a: &[&Results], b: &[&Results]) -> Self {
        let rows = ROWS.iter().filter_map(|(name, figure, show)| {
            // One run without the figure, and there is no row.
            let read = |side: &[&Results]| side.iter().map(|r| figure(r)).collect();
            let a: Option<Vec<f64>> = read(a);
            let b: Option<Vec<f64>> = read(b);
            Row::new(name, &a?, &b?, *show)
        });
        let seconds = match (a, b) {
            ([a], [b]) => ratios(&full_seconds(a), &full_seconds(b)),
            _ => None,
        };
        Self {
            rows: rows.collect(),
            runs: (a.len() as u64, b.len() as u64),
            seconds,
        }
    }

    /// What the rows come to, in plain words.
    fn conclusion(&self) -> String {
        let (n, m) = self.runs;
        let least = rank::least_p_value(n, m);
        if (n, m) == (1, 1) {
            let scatter = self.seconds.map_or_else(String::new, |(least, greatest)| {
                format!(
                    "second by second, the throughput of B was {least:.2} – {greatest:.2} of A; "
                )
            });
            return format!(
                "{scatter}one run each says nothing about the variation between runs: repeat \
                 both sides in turn, at least 4 times each"
            );
        }
        if least > SIGNIFICANCE {
            return format!(
                "{n} and {m} runs cannot tell a difference from noise: even without overlap, \
                 chance alone does that with p = {least:.2}; make at least 4 of each"
            );
        }
        let names = |is_noise: bool| {
            let of_kind = self
                .rows
                .iter()
                .filter(|row| (row.p > SIGNIFICANCE) == is_noise);
            let names: Vec<&str> = of_kind.map(|row| row.name).collect();
            if names.is_empty() {
                "none".to_owned()
            } else {
                names.join(", ")
            }
        };
        format!(
            "more than noise (exact rank test over {n} and {m} runs, p up to {SIGNIFICANCE}): {}; \
             within noise: {}",
            names(false),
            names(true)
        )
    }
}

impl Row {
    fn new(name: &'static str, a: &[f64], b: &[f64], show: Show) -> Option<Self> {
        let (least, greatest) = ratios(a, b)?;
        let (a_median, b_median) = (Spread::of(a)?.median, Spread::of(b)?.median);
        Some(Self {
            name,
            a: show(a_median),
            b: show(b_median),
            ratio: b_median / a_median,
            least,
            greatest,
            p: rank::p_value(a, b),
        })
    }
}

/// The least and the greatest ratio of any of `b` to any of `a`.
fn ratios(a: &[f64], b: &[f64]) -> Option<(f64, f64)> {
    let (a, b) = (Spread::of(a)?, Spread::of(b)?);
    let ratios = (b.min / a.max, b.max / a.min);
    // Zeros have none.
    (ratios.0.is_finite() && ratios.1.is_finite()).then_some(ratios)
}

/// The throughput of each second but those of the warm-up and the last, which
/// may be a part of one.
fn full_seconds(results: &Results) -> Vec<f64> {
    let measured = results.series.iter().filter(|second| !second.is_warmup);
    let mut seconds: Vec<f64> = measured.map(|second| second.throughput).collect();
    seconds.pop();
    seconds
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (n, m) = self.runs;
        let is_repeated = (n, m) != (1, 1);
        write!(f, "{:<12} {:>12} {:>12} {:>8}", "", "A", "B", "B/A")?;
        if is_repeated {
            write!(f, "   {:<13} {:>7}", "min – max", "p")?;
        }
        writeln!(f)?;
        for row in &self.rows {
            let Row { name, a, b, .. } = row;
            write!(f, "{name:<12} {a:>12} {b:>12} {:>8.3}", row.ratio)?;
            if is_repeated {
                let range = format!("{:.3} – {:.3}", row.least, row.greatest);
                write!(f, "   {range:<13} {:>7.3}", row.p)?;
            }
            writeln!(f)?;
        }
        if is_repeated {
            writeln!(f, "medians of {n} and {m} runs; min – max over all pairs")?;
        }
        f.write_str(&wrap("", &self.conclusion()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{output::text::COLUMNS, results::sample};

    fn runs(throughputs: &[f64]) -> Vec<Results> {
        let run = |throughput: &f64| Results {
            throughput: *throughput,
            ..sample()
        };
        throughputs.iter().map(run).collect()
    }

    #[track_caller]
    fn show(a: &[Results], b: &[Results]) -> String {
        let (a, b): (Vec<_>, Vec<_>) = (a.iter().collect(), b.iter().collect());
        let text = Table::new(&a, &b).to_string();
        for line in text.lines() {
            assert!(line.chars().count() <= COLUMNS, "{line}");
        }
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn sides_apart_are_more_than_noise() {
        let a = runs(&[100e3, 98e3, 102e3, 104e3]);
        let b = runs(&[110e3, 112e3, 105e3, 108e3]);
        let text = show(&a, &b);
        // 109 over 101; 105 over 104 – 112 over 98.
        assert!(text.contains("throughput 101000/s 109000/s 1.079 1.010 – 1.143 0.029"));
        assert!(text.contains("p99 90.0 µs 90.0 µs 1.000 1.000 – 1.000 1.000"));
        assert!(
            text.contains("p up to 0.05): throughput; within noise: mean, p50"),
            "{text}"
        );
    }

    #[test]
    fn sides_that_overlap_are_noise() {
        let text = show(
            &runs(&[100e3, 98e3, 102e3, 106e3]),
            &runs(&[110e3, 99e3, 105e3, 108e3]),
        );
        assert!(
            text.contains("p up to 0.05): none; within noise: throughput,"),
            "{text}"
        );
    }

    #[test]
    fn three_runs_each_settle_nothing() {
        let text = show(&runs(&[1.0, 2.0, 3.0]), &runs(&[7.0, 8.0, 9.0]));
        assert!(text.contains("p = 0.10; make at least 4 of each"), "{text}");
    }

    #[test]
    fn one_run_each_has_only_its_seconds() {
        let mut b = runs(&[120e3]);
        b[0].series[0].is_warmup = true;
        for (second, throughput) in b[0].series.iter_mut().zip([7e3, 110e3, 130e3]) {
            second.throughput = throughput;
        }
        b[0].series[9].throughput = 3e3;
        let text = show(&runs(&[100e3]), &b);
        assert!(
            text.contains("throughput 100000/s 120000/s 1.200 mean"),
            "{text}"
        );
        assert!(
            text.contains("B was 1.00 – 1.30 of A; one run each says nothing"),
            "{text}"
        );
    }

    #[test]
    fn what_a_run_lacks_makes_no_row() {
        let (a, mut b) = (runs(&[100e3]), runs(&[100e3]));
        b[0].latency.count = 5000;
        let text = show(&a, &b);
        assert!(text.contains(" p99 ") && !text.contains("p99.9"), "{text}");
        assert!(!text.contains("server cpu"), "{text}");
        b[0].messages.replies = 0;
        b[0].throughput = 0.0;
        b[0].latency = crate::results::Distribution::default();
        assert!(!show(&b, &b).contains("NaN"));
    }
}
