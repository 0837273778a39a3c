//! `bench-client compare`: two sides of one or more runs, and whether they
//! differ by more than noise.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde::Serialize;

use crate::{
    format::wrap,
    results::Results,
    saved::{SavedFile, differing_fields, printable},
    statistics::rank,
};

mod table;

use table::Comparison;

/// Reads the results of both sides, each one file or several separated by commas,
/// and compares them.
///
/// # Errors
///
/// A file that does not hold results of this schema; the same run twice; arguments
/// that differ, unless `is_forced`.
pub fn compare(a: &str, b: &str, is_forced: bool) -> Result<String> {
    let a = read_side(a)?;
    let b = read_side(b)?;
    let runs: Vec<&SavedRun> = a.iter().chain(&b).collect();
    refuse_repeated(&runs)?;
    let mut notes = differing(&runs, |results| &results.arguments)?;
    if !notes.is_empty() && !is_forced {
        bail!("{}; --force compares them anyway", notes.join("; "));
    }
    notes.extend(warnings(&runs)?);

    let mut text = String::new();
    for note in &notes {
        text.push_str(&wrap("warning: ", note));
        text.push('\n');
    }
    let (a, b) = (results(&a), results(&b));
    let outcomes = format!("A: {}; B: {}", outcomes(&a), outcomes(&b));
    let table = Comparison::new(&a, &b);
    Ok(format!("{text}{}\n{table}", wrap("", &outcomes)))
}

/// The verdicts of a side's runs: `3 VALID, 1 SUSPECT`.
fn outcomes(side: &[&Results]) -> String {
    let mut counts = std::collections::BTreeMap::new();
    for results in side {
        *counts.entry(results.verdict.outcome()).or_insert(0) += 1;
    }
    let counts: Vec<String> = counts
        .into_iter()
        .rev()
        .map(|(outcome, count)| format!("{count} {outcome}"))
        .collect();
    counts.join(", ")
}

/// The same run given twice, on either side, is not a sample of two.
fn refuse_repeated(runs: &[&SavedRun]) -> Result<()> {
    for (n, run) in runs.iter().enumerate() {
        let mut others = runs.iter().take(n);
        if let Some(same) = others.find(|other| other.results == run.results) {
            let (a, b) = (&same.path, &run.path);
            bail!("{a} and {b} are the same run: give each once");
        }
    }
    Ok(())
}

/// A file and its contents.
struct SavedRun {
    path: String,
    results: Results,
}

fn results(side: &[SavedRun]) -> Vec<&Results> {
    side.iter().map(|run| &run.results).collect()
}

fn read_side(paths: &str) -> Result<Vec<SavedRun>> {
    let runs = paths
        .split(',')
        .map(|path| {
            let results = SavedFile::new(Path::new(path)).read();
            Ok(SavedRun {
                path: path.to_owned(),
                results: results.with_context(|| format!("cannot read {path:?}"))?,
            })
        })
        .collect::<Result<Vec<SavedRun>>>()?;
    let (count, max) = (runs.len() as u64, rank::MAX_RUNS);
    ensure!(
        count <= max,
        "{count} runs on a side exceed the {max} that can be ranked"
    );
    Ok(runs)
}

/// What makes a comparison less reliable without preventing it.
fn warnings(runs: &[&SavedRun]) -> Result<Vec<String>> {
    let mut warnings = differing(runs, |results| &results.machine)?;
    for run in runs {
        let verdict = &run.results.verdict;
        if !verdict.valid {
            let reasons = printable(&verdict.reasons.join("; "));
            warnings.push(format!("{} is SUSPECT: {reasons}", run.path));
        }
    }
    Ok(warnings)
}

/// The fields of a part of the results in which runs differ from the first one: a
/// line for each such run.
fn differing<T: Serialize>(
    runs: &[&SavedRun],
    part: impl Fn(&Results) -> &T,
) -> Result<Vec<String>> {
    let [first, others @ ..] = runs else {
        return Ok(Vec::new());
    };
    let first_fields = serde_json::to_value(part(&first.results))?;
    let mut lines = Vec::new();
    for other in others {
        let fields = serde_json::to_value(part(&other.results))?;
        if let Some(differing) = differing_fields(&first_fields, &fields) {
            let (a, b) = (&first.path, &other.path);
            lines.push(format!("{a} and {b} differ: {differing}"));
        }
    }
    Ok(lines)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::{fs, path::PathBuf};

    use super::*;
    use crate::results::sample;

    /// A temporary folder for files, deleted on drop.
    struct RunFolder(PathBuf);

    impl RunFolder {
        fn new(name: &str) -> Self {
            let id = std::process::id();
            let path = std::env::temp_dir().join(format!("compare-{name}-{id}"));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn file(&self, name: &str, content: &str) -> String {
            let path = self.0.join(name);
            fs::write(&path, content).unwrap();
            path.to_str().unwrap().to_owned()
        }

        fn results(&self, name: &str, change: impl FnOnce(&mut Results)) -> String {
            let mut results = sample();
            change(&mut results);
            self.file(name, &serde_json::to_string(&results).unwrap())
        }
    }

    impl Drop for RunFolder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn equal_arguments_compare_whatever_the_target() {
        let folder = RunFolder::new("equal");
        let a = folder.results("a", |_| ());
        let b = folder.results("b", |results| {
            results.target.address = "192.0.2.1:1".to_owned();
            results.machine.kernel = None;
        });
        let text = compare(&a, &b, false).unwrap();
        assert!(
            text.starts_with("warning: ") && text.contains("\nthroughput "),
            "{text}"
        );
    }

    #[test]
    fn differing_arguments_are_named_and_refused() {
        let folder = RunFolder::new("differing");
        let a = folder.results("a", |_| ());
        let b = folder.results("b", |results| {
            results.arguments.size = "64".to_owned();
            results.arguments.tls = true;
        });
        // Across the sides and within one.
        let c = folder.results("c", |results| results.throughput = 7.0);
        for (a, b) in [(&a, &b), (&format!("{a},{b}"), &c)] {
            let error = compare(a, b, false).unwrap_err().to_string();
            assert!(
                error.contains(r#" differ: size "12" and "64", tls false and true; --force"#),
                "{error}"
            );
            let text = compare(a, b, true).unwrap();
            assert!(text.starts_with("warning: "), "{text}");
        }
    }

    #[test]
    fn hosts_and_verdicts_are_warned_about() {
        let run = |path: &str, results| SavedRun {
            path: path.to_owned(),
            results,
        };
        let (a, mut b) = (run("a", sample()), run("b", sample()));
        assert!(warnings(&[&a, &b]).unwrap().is_empty());
        b.results.machine.cpus = 2;
        b.results.verdict.valid = false;
        b.results.verdict.reasons = vec!["it was \u{1b}[31mbad\u{202e}: do better".to_owned()];
        assert_eq!(
            warnings(&[&a, &b]).unwrap(),
            [
                "a and b differ: cpus 8 and 2",
                r"b is SUSPECT: it was \x1b[31mbad\u{202e}: do better"
            ]
        );
    }

    #[test]
    fn a_bad_file_is_named_with_what_is_wrong_in_one_line() {
        let folder = RunFolder::new("bad");
        let good = folder.results("good", |_| ());
        for (bad, reason) in [
            (folder.file("text", "qps 7"), "not JSON"),
            (folder.file("cut", "{\"schema\": 1"), "not JSON"),
            (folder.file("list", "[]"), "no schema number"),
            (
                folder.file("next", "{\"schema\": 1}"),
                "schema 1; this program reads schema 2",
            ),
            (
                folder.file("empty", "{\"schema\": 2}"),
                "not the results of a run: missing field",
            ),
            (
                folder.0.join("none").to_str().unwrap().to_owned(),
                "No such file",
            ),
        ] {
            let error = format!("{:#}", compare(&good, &bad, true).unwrap_err());
            assert!(error.contains(reason) && error.contains(&bad), "{error}");
            assert!(!error.contains('\n'), "{error}");
        }
        let many = vec![good.as_str(); 101].join(",");
        let error = compare(&many, &good, false).unwrap_err().to_string();
        assert!(error.contains("101 runs on a side exceed"), "{error}");
    }

    #[test]
    fn the_same_run_twice_is_refused() {
        let folder = RunFolder::new("twice");
        let run = |name: &str, throughput| folder.results(name, |r| r.throughput = throughput);
        let (a, b, copy) = (run("a", 1.0), run("b", 2.0), run("copy", 1.0));
        for (left, right) in [
            (a.clone(), a.clone()),
            (a.clone(), copy.clone()),
            (format!("{a},{b},{copy}"), b.clone()),
            (format!("{a},{a}"), b.clone()),
        ] {
            let error = compare(&left, &right, true).unwrap_err().to_string();
            assert!(error.contains("are the same run"), "{error}");
        }
    }

    #[test]
    fn outcomes_are_counted() {
        let (valid, mut noted, mut suspect) = (sample(), sample(), sample());
        noted.verdict.notes.push("as it is".to_owned());
        suspect.verdict.valid = false;
        assert_eq!(
            outcomes(&[&valid, &noted, &suspect, &valid]),
            "1 VALID with notes, 2 VALID, 1 SUSPECT"
        );
    }
}
