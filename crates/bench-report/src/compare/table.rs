//! Two sides beside each other.

use std::fmt;

use crate::{
    format::{Latency, ShowFigure, list, or_dash, per_second, wrap},
    results::Results,
    statistics::{
        Spread,
        rank::{self, SIGNIFICANCE},
    },
};

/// A figure of a run; `None` where it has none, or too few samples for it.
type Reading = fn(&Results) -> Option<f64>;

/// The rows: their names, the figures of a run, and how these are shown.
const ROWS: [(&str, Reading, ShowFigure); 8] = [
    ("throughput", |r| Some(r.throughput), per_second),
    ("mean", |r| measured(r, r.latency.mean_us), time),
    ("p50", |r| r.latency.percentile("p50"), time),
    ("p90", |r| r.latency.percentile("p90"), time),
    ("p99", |r| r.latency.percentile("p99"), time),
    ("p99.9", |r| r.latency.percentile("p99.9"), time),
    (
        "cpu/message",
        |r| r.messages.each(1e6 * r.cpu.client_cpu_s),
        time,
    ),
    (
        "server cpu",
        |r| r.messages.each(1e6 * r.cpu.server_cpu_s?),
        time,
    ),
];

fn measured(results: &Results, value: f64) -> Option<f64> {
    (results.latency.count > 0).then_some(value)
}

fn time(us: f64) -> String {
    Latency(us).to_string()
}

/// All rows that both sides have, and the conclusion from them.
pub(crate) struct Comparison {
    rows: Vec<ComparedFigure>,
    /// Runs on each side.
    runs: (u64, u64),
    /// Lowest and highest ratio of a second of B to one of A, when each side has
    /// one run.
    seconds: Option<(f64, f64)>,
}

struct ComparedFigure {
    name: &'static str,
    a: String,
    b: String,
    /// Of the medians, and over all pairs of runs; `None` where A has a zero.
    ratio: Option<f64>,
    ratios: Option<(f64, f64)>,
    /// See [`rank::p_value`]; corrected for the number of rows.
    p: f64,
}

impl Comparison {
    pub(crate) fn new(a: &[&Results], b: &[&Results]) -> Self {
        let rows = ROWS.iter().filter_map(|(name, figure, show)| {
            // A figure that one of the runs lacks has no row.
            let read = |side: &[&Results]| side.iter().map(|r| figure(r)).collect();
            let (a, b): (Option<Vec<f64>>, Option<Vec<f64>>) = (read(a), read(b));
            let (a, b) = (a?, b?);
            let (a_median, b_median) = (Spread::of(&a)?.median, Spread::of(&b)?.median);
            Some(ComparedFigure {
                name,
                a: show(a_median),
                b: show(b_median),
                ratio: Some(b_median / a_median).filter(|ratio| ratio.is_finite()),
                ratios: ratios(&a, &b),
                p: rank::p_value(&a, &b),
            })
        });
        let mut rows: Vec<ComparedFigure> = rows.collect();
        let p: Vec<f64> = rows.iter().map(|row| row.p).collect();
        for (row, corrected) in rows.iter_mut().zip(rank::holm(&p)) {
            row.p = corrected;
        }
        let seconds = match (a, b) {
            ([a], [b]) => ratios(&full_seconds(a), &full_seconds(b)),
            _ => None,
        };
        Self {
            rows,
            runs: (a.len() as u64, b.len() as u64),
            seconds,
        }
    }

    /// The conclusion from the rows, in words.
    fn conclusion(&self) -> String {
        let (n, m) = self.runs;
        let tests = self.rows.len();
        let needed = rank::runs_needed(tests);
        if (n, m) == (1, 1) {
            let scatter = self.seconds.map_or_else(String::new, |(min, max)| {
                format!("second by second, the throughput of B was {min:.2} – {max:.2} of A; ")
            });
            return format!(
                "{scatter}one run each says nothing about the variation between runs: repeat both \
                 sides in turn, at least {needed} times each"
            );
        }
        let least = (rank::least_p_value(n, m) * tests as f64).min(1.0);
        if least > SIGNIFICANCE {
            return format!(
                "{n} and {m} runs cannot tell a difference from noise: even without overlap, \
                 chance alone does that in one of {tests} rows with p = {least:.2}; make at least \
                 {needed} of each"
            );
        }
        format!(
            "significant (Mann–Whitney U, exact, over {n} and {m} runs; Holm over {tests} rows, p ≤ \
             {SIGNIFICANCE}): {}; not significant: {}",
            self.names(|p| p <= SIGNIFICANCE),
            self.names(|p| p > SIGNIFICANCE)
        )
    }

    /// The names of the rows whose p-value passes.
    fn names(&self, passes: impl Fn(f64) -> bool) -> String {
        let rows = self.rows.iter().filter(|row| passes(row.p));
        list(&rows.map(|row| row.name).collect::<Vec<_>>())
    }
}

/// The lowest and the highest ratio of any of `b` to any of `a`.
fn ratios(a: &[f64], b: &[f64]) -> Option<(f64, f64)> {
    let (a, b) = (Spread::of(a)?, Spread::of(b)?);
    let ratios = (b.min / a.max, b.max / a.min);
    // There are none to a zero.
    (ratios.0.is_finite() && ratios.1.is_finite()).then_some(ratios)
}

/// The throughput of each second except those of the warm-up and the last one, which
/// may be shorter.
fn full_seconds(results: &Results) -> Vec<f64> {
    let measured = results.series.iter().filter(|second| !second.warmup);
    let mut seconds: Vec<f64> = measured.map(|second| second.throughput).collect();
    seconds.pop();
    seconds
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (n, m) = self.runs;
        let is_repeated = (n, m) != (1, 1);
        write!(f, "{:<12} {:>12} {:>12} {:>8}", "", "A", "B", "B/A")?;
        if is_repeated {
            write!(f, "   {:<13} {:>7}", "min – max", "p")?;
        }
        writeln!(f)?;
        for row in &self.rows {
            let ComparedFigure { name, a, b, .. } = row;
            let ratio = or_dash(row.ratio.map(|ratio| format!("{ratio:.3}")));
            write!(f, "{name:<12} {a:>12} {b:>12} {ratio:>8}")?;
            if is_repeated {
                let range = row.ratios.map(|(min, max)| format!("{min:.3} – {max:.3}"));
                let range = or_dash(range);
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
    use crate::{format::COLUMNS, results::sample, statistics::Distribution};

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
        let text = Comparison::new(&a, &b).to_string();
        for line in text.lines() {
            assert!(line.chars().count() <= COLUMNS, "{line}");
        }
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn sides_apart_are_significant() {
        let a = runs(&[100e3, 98e3, 102e3, 104e3, 103e3, 99e3]);
        let b = runs(&[110e3, 112e3, 105e3, 108e3, 111e3, 107e3]);
        let text = show(&a, &b);
        // 109 over 101; 105 over 104 – 112 over 98. 2 of 924 orders, in 7 rows.
        assert!(
            text.contains("throughput 101k/s 109k/s 1.079 1.010 – 1.143 0.015"),
            "{text}"
        );
        assert!(text.contains("p99 90.0 µs 90.0 µs 1.000 1.000 – 1.000 1.000"));
        assert!(
            text.contains("Holm over 7 rows, p ≤ 0.05): throughput; not significant: mean, p50"),
            "{text}"
        );
    }

    #[test]
    fn sides_that_overlap_are_noise() {
        let text = show(
            &runs(&[100e3, 98e3, 102e3, 106e3, 101e3, 103e3]),
            &runs(&[110e3, 99e3, 105e3, 108e3, 107e3, 109e3]),
        );
        assert!(
            text.contains("p ≤ 0.05): none; not significant: throughput,"),
            "{text}"
        );
    }

    #[test]
    fn few_runs_each_settle_nothing() {
        let text = show(&runs(&[1.0, 2.0, 3.0, 4.0]), &runs(&[7.0, 8.0, 9.0, 10.0]));
        assert!(
            text.contains("in one of 7 rows with p = 0.20; make at least 6 of each"),
            "{text}"
        );
    }

    #[test]
    fn a_zero_on_one_side_is_shown() {
        let text = show(&runs(&[0.0, 0.0]), &runs(&[5.0, 6.0]));
        assert!(text.contains("throughput 0.00/s 5.50/s - - "), "{text}");
        let text = show(&runs(&[5.0, 6.0]), &runs(&[0.0, 0.0]));
        assert!(
            text.contains("throughput 5.50/s 0.00/s 0.000 0.000 – 0.000"),
            "{text}"
        );
    }

    #[test]
    fn one_run_each_has_only_its_seconds() {
        let mut b = runs(&[120e3]);
        b[0].series[0].warmup = true;
        for (second, throughput) in b[0].series.iter_mut().zip([7e3, 110e3, 130e3]) {
            second.throughput = throughput;
        }
        b[0].series[9].throughput = 3e3;
        let text = show(&runs(&[100e3]), &b);
        assert!(
            text.contains("throughput 100k/s 120k/s 1.200 mean"),
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
        b[0].latency = Distribution::default();
        assert!(!show(&b, &b).contains("NaN"));
    }
}
