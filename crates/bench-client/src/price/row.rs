//! What the runs of one variant come to.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    prices::Run,
    variant::{CONTROL, PLAIN},
};
use crate::spread::Spread;

/// Fewest pairs that can tell a price from noise: two sets of `n` values from
/// the same source lie apart by chance in 2 of their C(2n, n) orders, which is
/// 1 in 10 with 3 and 1 in 35 with 4.
pub(crate) const MIN_PAIRS: u64 = 4;

/// One variant of the load over all its runs without failures.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// What it adds to the plain load's command line.
    options: &'static str,
    /// Repeats in which both this and the plain run had no failures.
    pub(crate) pairs: u64,
    /// Throughput over that of the plain run of the same repeat.
    pub(crate) ratio: Option<Spread>,
    /// Whether `ratio` excludes 1 and lies apart from the control's; `null`
    /// for the plain load and the control, and when there are too few pairs to
    /// tell.
    pub(crate) is_beyond_noise: Option<bool>,
    pub(crate) throughput: Option<Spread>,
    pub(crate) client_cpu_us: Option<Spread>,
    pub(crate) server_cpu_us: Option<Spread>,
    pub(crate) wire_bytes: Option<Spread>,
    pub(crate) p99_us: Option<Spread>,
    /// Of all its runs together.
    pub(crate) failures: BTreeMap<String, u64>,
}

impl Row {
    pub(crate) fn new(name: &'static str, options: &'static str, runs: &[Run]) -> Self {
        // What a run with failures did besides is no measure of anything.
        let (good, bad): (Vec<&Run>, Vec<&Run>) =
            runs.iter().partition(|run| run.failures.is_empty());
        let plain = |repeat| {
            good.iter()
                .find(|run| run.name == PLAIN && run.repeat == repeat)
        };
        let own: Vec<&Run> = good
            .iter()
            .filter(|run| run.name == name)
            .copied()
            .collect();
        let ratios: Vec<f64> = own
            .iter()
            .filter_map(|run| Some(run.throughput / plain(run.repeat)?.throughput))
            // A plain run without a reply has none.
            .filter(|ratio| ratio.is_finite())
            .collect();
        let spread = |figure: fn(&Run) -> Option<f64>| {
            let figures: Option<Vec<f64>> = own.iter().map(|run| figure(run)).collect();
            Spread::of(&figures?)
        };
        let mut failures = BTreeMap::new();
        for (kind, count) in bad
            .iter()
            .filter(|run| run.name == name)
            .flat_map(|run| &run.failures)
        {
            *failures.entry(kind.clone()).or_default() += count;
        }
        Self {
            name,
            options,
            pairs: ratios.len() as u64,
            ratio: Spread::of(&ratios),
            is_beyond_noise: None,
            throughput: spread(|run| Some(run.throughput)),
            client_cpu_us: spread(|run| run.client_cpu_us),
            server_cpu_us: spread(|run| run.server_cpu_us),
            wire_bytes: spread(|run| run.wire_bytes),
            p99_us: spread(|run| run.p99_us),
            failures,
        }
    }

    /// Whether it differs from plain by more than the control does.
    fn is_beyond(&self, control: &Spread, control_pairs: u64) -> Option<bool> {
        let ratio = self.ratio?;
        let excludes_one = ratio.max < 1.0 || ratio.min > 1.0;
        (self.pairs.min(control_pairs) >= MIN_PAIRS)
            .then(|| excludes_one && ratio.is_apart_from(control))
    }
}

/// Holds each row against the control.
pub(crate) fn judge(rows: &mut [Row]) {
    let control = rows.iter().find(|row| row.name == CONTROL);
    let Some((control, pairs)) = control.and_then(|row| Some((row.ratio?, row.pairs))) else {
        return;
    };
    for row in rows {
        if row.name != PLAIN && row.name != CONTROL {
            row.is_beyond_noise = row.is_beyond(&control, pairs);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::results::{Results, sample};

    fn run(name: &'static str, repeat: u64, throughput: f64) -> Run {
        let results = Results {
            throughput,
            ..sample()
        };
        Run::of(name, repeat, &results)
    }

    fn names() -> [&'static str; 3] {
        [PLAIN, "checksum", CONTROL]
    }

    /// Repeats with these throughputs of plain, of a row and of the control.
    fn repeats(throughputs: &[[f64; 3]]) -> Vec<Run> {
        let mut runs = Vec::new();
        for (index, throughputs) in throughputs.iter().enumerate() {
            for (name, throughput) in names().into_iter().zip(throughputs) {
                runs.push(run(name, index as u64 + 1, *throughput));
            }
        }
        runs
    }

    /// The rows of plain, the row and the control.
    fn rows(runs: &[Run]) -> [Row; 3] {
        let [plain, row, control] = names().map(|name| Row::new(name, "", runs));
        let mut rows = vec![plain, row, control];
        judge(&mut rows);
        rows.try_into().unwrap()
    }

    #[test]
    fn ratios_are_those_of_pairs() {
        // The machine gets slower all the time, and the price is a half.
        let runs = repeats(&[
            [800.0, 400.0, 800.0],
            [400.0, 200.0, 400.0],
            [200.0, 100.0, 200.0],
            [100.0, 60.0, 90.0],
        ]);
        let [plain, row, control] = rows(&runs);
        let spread = |median, min, max| Some(Spread { median, min, max });
        assert_eq!(row.ratio, spread(0.5, 0.5, 0.6));
        assert_eq!(row.throughput, spread(150.0, 60.0, 400.0));
        assert_eq!(row.pairs, 4);
        assert_eq!(control.ratio, spread(1.0, 0.9, 1.0));
        assert_eq!(row.is_beyond_noise, Some(true));
        assert_eq!(
            (plain.is_beyond_noise, control.is_beyond_noise),
            (None, None)
        );
    }

    #[test]
    fn the_control_decides() {
        let judge = |row: [f64; 4], control: [f64; 4]| {
            let repeat = |(row, control)| [100.0, row, control];
            let runs: Vec<_> = row.into_iter().zip(control).map(repeat).collect();
            rows(&repeats(&runs))[1].is_beyond_noise
        };
        let quiet = [99.0, 101.0, 100.0, 102.0];
        assert_eq!(judge([90.0, 91.0, 92.0, 93.0], quiet), Some(true));
        assert_eq!(judge([110.0, 111.0, 112.0, 113.0], quiet), Some(true));
        // One value on the other side of 1, or in the control's range.
        assert_eq!(judge([90.0, 91.0, 92.0, 105.0], quiet), Some(false));
        assert_eq!(judge([90.0, 91.0, 92.0, 99.5], quiet), Some(false));
        // The same prices on a noisy machine.
        let noisy = [99.0, 101.0, 92.5, 102.0];
        assert_eq!(judge([90.0, 91.0, 92.0, 93.0], noisy), Some(false));
        // A control that is off by itself: 1 is excluded and it is not.
        let off = [85.0, 86.0, 87.0, 88.0];
        assert_eq!(judge([97.0, 98.0, 99.0, 101.0], off), Some(false));
    }

    #[test]
    fn three_pairs_settle_nothing() {
        let mut runs = repeats(&[[100.0, 50.0, 100.0]; 4]);
        assert_eq!(rows(&runs)[1].is_beyond_noise, Some(true));
        let _ = runs.pop();
        assert_eq!(rows(&runs)[1].is_beyond_noise, None, "the control");
        runs.retain(|run| run.repeat < 4);
        assert_eq!(rows(&runs)[1].is_beyond_noise, None);
    }

    #[test]
    fn a_run_with_failures_is_in_no_figure() {
        let mut runs = repeats(&[[100.0, 50.0, 100.0]; 5]);
        runs[1] = Run::failed("checksum", 1);
        // A plain one takes the pairs of its repeat away.
        runs[3].failures = [("closed".to_owned(), 2)].into();
        let [plain, row, control] = rows(&runs);
        assert_eq!((plain.pairs, row.pairs, control.pairs), (4, 3, 4));
        assert_eq!(row.failures, [("no run".to_owned(), 1)].into());
        assert_eq!(plain.failures, [("closed".to_owned(), 2)].into());
        assert_eq!(row.throughput, Spread::of(&[50.0]));
        assert_eq!(row.is_beyond_noise, None);
    }

    #[test]
    fn without_a_plain_run_there_is_no_ratio() {
        let mut runs = repeats(&[[0.0, 50.0, 0.0]]);
        assert_eq!(rows(&runs)[1].ratio, None);
        runs.remove(0);
        let [plain, row, _] = rows(&runs);
        assert_eq!((plain.throughput, row.ratio, row.pairs), (None, None, 0));
        assert_eq!(row.throughput, Spread::of(&[50.0]));
    }
}
