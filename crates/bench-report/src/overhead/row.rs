//! The runs of one variant summed up.

use std::collections::BTreeMap;

use serde::Serialize;

use super::run::{CONTROL, OverheadRun, PLAIN};
use crate::statistics::{Spread, rank};

/// One variant of the load, over all its runs without failures.
#[derive(Debug, Serialize)]
pub(crate) struct OverheadRow {
    pub(crate) name: &'static str,
    /// The options that it adds to the plain load.
    pub(crate) options: &'static str,
    /// Repeats in which neither this run nor the plain one had failures.
    pub(crate) pairs: u64,
    /// Throughput relative to the plain run of the same repeat.
    pub(crate) ratio: Option<Spread>,
    /// p-value of its throughput against that of the plain load and the control
    /// together (Mann–Whitney U, exact), corrected for the number of rows (Holm); for
    /// the control against the plain load, not corrected. `null` for the plain load,
    /// and without runs.
    pub(crate) p: Option<f64>,
    /// Whether `p` is at most 0.05; `null` for the plain load and the control, and
    /// when there are too few runs to tell.
    pub(crate) significant: Option<bool>,
    pub(crate) throughput: Option<Spread>,
    pub(crate) client_cpu_us: Option<Spread>,
    pub(crate) server_cpu_us: Option<Spread>,
    pub(crate) wire_bytes: Option<Spread>,
    pub(crate) p99_us: Option<Spread>,
    /// Of all its runs.
    pub(crate) failures: BTreeMap<String, u64>,
}

impl OverheadRow {
    pub(crate) fn new(name: &'static str, options: &'static str, runs: &[OverheadRun]) -> Self {
        // The other figures of a run with failures are not comparable.
        let (bad, good): (Vec<_>, Vec<_>) = runs.iter().partition(|run| run.has_failed());
        let plain = |repeat| {
            let mut plain = good.iter().filter(|run| run.name == PLAIN);
            plain.find(|run| run.repeat == repeat)
        };
        let own = || good.iter().filter(|run| run.name == name);
        let ratios: Vec<f64> = own()
            .filter_map(|run| Some(run.throughput / plain(run.repeat)?.throughput))
            // There is none to a plain run without a reply.
            .filter(|ratio| ratio.is_finite())
            .collect();
        let spread = |figure: fn(&OverheadRun) -> Option<f64>| {
            let figures: Option<Vec<f64>> = own().map(|run| figure(run)).collect();
            Spread::of(&figures?)
        };
        let mut failures = BTreeMap::new();
        let bad = bad.iter().filter(|run| run.name == name);
        for (kind, count) in bad.flat_map(|run| &run.failures) {
            *failures.entry(kind.clone()).or_default() += count;
        }
        Self {
            name,
            options,
            pairs: ratios.len() as u64,
            ratio: Spread::of(&ratios),
            p: None,
            significant: None,
            throughput: spread(|run| Some(run.throughput)),
            client_cpu_us: spread(|run| run.client_cpu_us),
            server_cpu_us: spread(|run| run.server_cpu_us),
            wire_bytes: spread(|run| run.wire_bytes),
            p99_us: spread(|run| run.p99_us),
            failures,
        }
    }

    /// Whether it is compared with the plain load for its options.
    fn is_tested(&self) -> bool {
        ![PLAIN, CONTROL].contains(&self.name)
    }
}

/// Tests each row against the plain load, by the throughput of all runs without
/// failures.
pub(crate) fn compare(rows: &mut [OverheadRow], runs: &[OverheadRun]) {
    let throughputs = |names: &[&str]| -> Vec<f64> {
        let good = runs.iter().filter(|run| !run.has_failed());
        let named = good.filter(|run| names.contains(&run.name));
        named.map(|run| run.throughput).collect()
    };
    let (plain, control) = (throughputs(&[PLAIN]), throughputs(&[CONTROL]));
    let both = throughputs(&[PLAIN, CONTROL]);
    let tested = rows.iter().filter(|row| row.is_tested());
    let p: Vec<f64> = tested
        .map(|row| rank::p_value(&throughputs(&[row.name]), &both))
        .collect();
    let tested = rows.iter_mut().filter(|row| row.is_tested());
    for (row, corrected) in tested.zip(rank::holm(&p)) {
        let own = throughputs(&[row.name]);
        let least = rank::least_p_value(own.len() as u64, both.len() as u64);
        let can_tell = least * p.len() as f64 <= rank::SIGNIFICANCE;
        row.p = (!own.is_empty() && !both.is_empty()).then_some(corrected);
        row.significant = can_tell.then_some(corrected <= rank::SIGNIFICANCE);
    }
    if let Some(row) = rows.iter_mut().find(|row| row.name == CONTROL)
        && !plain.is_empty()
        && !control.is_empty()
    {
        row.p = Some(rank::p_value(&control, &plain));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::results::{Results, sample};

    fn run(name: &'static str, repeat: u64, throughput: f64) -> OverheadRun {
        let results = Results {
            throughput,
            ..sample()
        };
        OverheadRun::of(name, repeat, &results)
    }

    fn names() -> [&'static str; 3] {
        [PLAIN, "checksum", CONTROL]
    }

    /// Repeats with these throughputs of plain, of a row and of the control.
    fn repeats(throughputs: &[[f64; 3]]) -> Vec<OverheadRun> {
        let mut runs = Vec::new();
        for (index, throughputs) in throughputs.iter().enumerate() {
            for (name, throughput) in names().into_iter().zip(throughputs) {
                runs.push(run(name, index as u64 + 1, *throughput));
            }
        }
        runs
    }

    /// The rows of plain, the row and the control.
    fn rows(runs: &[OverheadRun]) -> [OverheadRow; 3] {
        let [plain, row, control] = names().map(|name| OverheadRow::new(name, "", runs));
        let mut rows = vec![plain, row, control];
        compare(&mut rows, runs);
        rows.try_into().unwrap()
    }

    #[test]
    fn ratios_are_those_of_pairs() {
        // The machine slows down all the time, and the option halves the throughput.
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
        assert_eq!((plain.p, plain.significant), (None, None));
        assert_eq!(control.significant, None);
    }

    #[test]
    fn ranks_decide() {
        let test = |row: [f64; 4], control: [f64; 4]| {
            let plain = [99.0, 101.0, 100.0, 102.0];
            let columns = plain.into_iter().zip(row).zip(control);
            let runs: Vec<_> = columns
                .map(|((plain, row), control)| [plain, row, control])
                .collect();
            let [_, row, control] = rows(&repeats(&runs));
            (row.significant, row.p.unwrap(), control.p.unwrap())
        };
        let quiet = [99.5, 101.5, 100.5, 102.5];
        // 4 against 8 without overlap: 2 of 495 orders; the control ties or wins.
        let (significant, p, control) = test([90.0, 91.0, 92.0, 93.0], quiet);
        assert_eq!(significant, Some(true));
        assert!((p - 2.0 / 495.0).abs() < 1e-12, "{p}");
        assert!(control > 0.6, "{control}");
        assert_eq!(test([110.0, 111.0, 112.0, 113.0], quiet).0, Some(true));
        assert_eq!(test([90.0, 91.0, 101.2, 103.0], quiet).0, Some(false));
        // The same costs beside a noisy control.
        let (significant, ..) = test([90.0, 91.0, 92.0, 93.0], [89.0, 88.0, 87.0, 110.0]);
        assert_eq!(significant, Some(false));
    }

    #[test]
    fn many_rows_are_corrected_for() {
        let runs = repeats(&[[100.0, 50.0, 100.0]; 4]);
        let mut all = vec![OverheadRow::new(PLAIN, "", &runs)];
        for _ in 0..13 {
            all.push(OverheadRow::new("checksum", "", &runs));
        }
        compare(&mut all, &runs);
        // 13 × 2 / 495 is more than 5 %.
        assert_eq!(all[1].significant, None);
        assert!((all[1].p.unwrap() - 26.0 / 495.0).abs() < 1e-12);
    }

    #[test]
    fn three_repeats_settle_little() {
        let runs = repeats(&[[100.0, 50.0, 100.0]; 3]);
        assert_eq!(rows(&runs)[1].significant, Some(true), "2 of 84");
        let runs = repeats(&[[100.0, 50.0, 100.0]; 2]);
        assert_eq!(rows(&runs)[1].significant, None, "2 of 15");
        assert!(rows(&runs)[1].p.is_some());
    }

    #[test]
    fn a_run_with_failures_is_in_no_figure() {
        let mut runs = repeats(&[[100.0, 50.0, 100.0]; 5]);
        runs[1] = OverheadRun::failed("checksum", 1);
        // A plain one takes the pairs of its repeat away.
        runs[3].failures = [("closed".to_owned(), 2)].into();
        let [plain, row, control] = rows(&runs);
        assert_eq!((plain.pairs, row.pairs, control.pairs), (4, 3, 4));
        assert_eq!(row.failures, [("no_run".to_owned(), 1)].into());
        assert_eq!(plain.failures, [("closed".to_owned(), 2)].into());
        assert_eq!(row.throughput, Spread::of(&[50.0]));
        // 4 against 4 and 5.
        assert_eq!(row.significant, Some(true));
        assert!((row.p.unwrap() - 2.0 / 715.0).abs() < 1e-12);
    }

    #[test]
    fn without_a_plain_run_there_is_no_ratio() {
        let mut runs = repeats(&[[0.0, 50.0, 0.0]]);
        assert_eq!(rows(&runs)[1].ratio, None);
        runs.remove(0);
        let [plain, row, _] = rows(&runs);
        assert_eq!((plain.throughput, row.ratio, row.pairs), (None, None, 0));
        assert_eq!(row.throughput, Spread::of(&[50.0]));
        let runs = repeats(&[[0.0, 50.0, 0.0]]);
        let [_, row, control] = rows(&runs[1..2]);
        assert_eq!((row.p, control.p), (None, None));
    }
}
