//! `bench-client merge`: the results of all ranks as those of one run.
//!
//! | file | what |
//! | --- | --- |
//! | `cpus` | how many CPUs the ranks have |
//! | `total` | adds results up |
//! | `window` | the time that all ranks measured |
//! | `verdict` | what the ranks of one run have to agree in |
//!
//! Files are read twice, one after the other: for the window first, then for what
//! is inside it. What a pipe holds is kept in between.

use std::{
    path::PathBuf,
    time::{Duration, SystemTime},
};

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    Expect,
    export::Export,
    outcome::judge,
    results::{Arguments, RankLine, Results, Target},
    saved::{self, SavedFile},
};

mod cpus;
mod total;
mod verdict;
mod window;

use total::Total;
use verdict::Agreement;
use window::{CommonWindow, SliceTime};

/// The results of all ranks.
#[derive(Debug)]
pub struct Merged {
    /// As those of one run.
    pub results: Results,
    latency: Histogram<u64>,
    window: CommonWindow,
}

/// What is read of a file first.
#[derive(Deserialize)]
struct Head {
    target: Target,
    arguments: Arguments,
    #[serde(default)]
    ranks: Vec<RankLine>,
    #[serde(default)]
    slices: Vec<SliceTime>,
}

/// Merges the results in `paths`, and holds the expectations against them.
///
/// # Errors
///
/// A file that is not a result of this schema, or has no samples to merge.
pub fn merge(paths: &[PathBuf], expect: &[Expect]) -> Result<Merged> {
    let mut agreement: Option<Agreement> = None;
    let mut windows = Vec::new();
    let mut files: Vec<_> = paths.iter().map(|path| SavedFile::new(path)).collect();
    for file in &mut files {
        let path = file.path();
        let head = head(file).with_context(|| format!("cannot merge {}", path.display()))?;
        windows.extend(CommonWindow::of(&head.slices));
        let fields = compared(&head)?;
        let agreement =
            agreement.get_or_insert_with(|| Agreement::new(&head.arguments, path, fields.clone()));
        agreement.add(path, &fields, head.ranks);
    }
    let window = CommonWindow::common(&windows);
    let window = window.context("cannot merge: no file has samples of a measurement")?;
    let mut total: Option<Total> = None;
    for file in &mut files {
        let path = file.path();
        let added = file.read().and_then(|results| match &mut total {
            Some(total) => total.add(results, &window),
            None => Total::new(results, &window).map(|first| total = Some(first)),
        });
        added.with_context(|| format!("cannot merge {}", path.display()))?;
    }
    let (agreement, total) = (
        agreement.context("no file was given")?,
        total.context("no file was given")?,
    );
    let (mut results, latency) = total.finish(&window);
    // What can be read again is within the bounds of a file, so no rule overflows.
    saved::parse::<Results>(&serde_json::to_vec(&results)?)
        .context("cannot merge: figures of all files together are out of range")?;
    agreement.mark(&mut results.ranks);
    let reasons = agreement.reasons(&window);
    judge(&mut results, expect, &latency, reasons);
    Ok(Merged {
        results,
        latency,
        window,
    })
}

fn head(file: &mut SavedFile) -> Result<Head> {
    let head: Head = file.read()?;
    ensure!(
        !head.ranks.is_empty(),
        "it has no samples: an older version wrote it"
    );
    let is_negative = |slice: &SliceTime| slice.length_s < 0.0;
    ensure!(
        !head.slices.iter().any(is_negative),
        "a slice of it ends before it begins"
    );
    Ok(head)
}

/// What the ranks of one run have in common: the server, and all arguments but
/// CPUs and source addresses, which each host has its own of.
fn compared(head: &Head) -> Result<Value> {
    let mut fields = serde_json::to_value(&head.arguments)?;
    if let Some(fields) = fields.as_object_mut() {
        fields.remove("cpus");
        fields.remove("sources");
        if !head.arguments.with_server {
            let address = head.target.address.clone();
            fields.insert("target".to_owned(), address.into());
        }
    }
    Ok(fields)
}

impl Merged {
    /// Shows the samples to the files that take them, as one interval.
    pub fn show(&self, exports: &mut [Box<dyn Export>]) {
        let since_1970 = Duration::try_from_secs_f64(self.window.start_s).unwrap_or_default();
        let length = Duration::try_from_secs_f64(self.window.length_s()).unwrap_or_default();
        for export in exports {
            export.started(SystemTime::UNIX_EPOCH + since_1970);
            export.interval(Duration::ZERO, length, &self.latency);
        }
    }
}

#[cfg(test)]
#[allow(
    clippy::cast_possible_truncation,
    clippy::float_cmp,
    clippy::unwrap_used
)]
mod tests;
