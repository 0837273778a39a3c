//! All runs and rows: the schema of `overhead --json`.
//!
//! Times are in microseconds (`_us`) or seconds (`_s`), sizes in bytes, rates
//! per second. A figure that a run does not have is `null`: all figures of a run
//! without a reply, p99 below 1,000 replies, CPU time where the system does not
//! report it. The number in `schema` rises whenever a field changes its meaning or
//! is removed.

use std::time::SystemTime;

use serde::Serialize;

use super::{
    row::{self, OverheadRow},
    run::OverheadRun,
};
use crate::{
    format::rfc3339,
    results::{Arguments, Machine, kinds},
};

/// The number of this schema.
const SCHEMA: u32 = 2;

/// All runs and all rows.
#[derive(Debug, Serialize)]
pub struct OverheadReport {
    schema: u32,
    /// When the first run began, in UTC, as RFC 3339.
    started: String,
    /// Requested runs of each row; a signal may have ended them earlier.
    pub(super) repeats: u64,
    /// Of each run, except for the options of its row.
    pub(super) arguments: Arguments,
    pub(super) machine: Machine,
    /// In the order in which they were made.
    pub(super) runs: Vec<OverheadRun>,
    /// The plain load first, the control last.
    pub(super) rows: Vec<OverheadRow>,
}

impl OverheadReport {
    /// Sums up `runs` in `rows`, given by name and by the options that each adds to
    /// the plain load.
    #[must_use]
    pub fn new(
        arguments: Arguments,
        repeats: u64,
        machine: Machine,
        started: SystemTime,
        rows: &[(&'static str, &'static str)],
        runs: Vec<OverheadRun>,
    ) -> Self {
        let mut rows: Vec<OverheadRow> = rows
            .iter()
            .map(|(name, options)| OverheadRow::new(name, options, &runs))
            .collect();
        row::compare(&mut rows, &runs);
        Self {
            schema: SCHEMA,
            started: rfc3339(started),
            repeats,
            arguments,
            machine,
            runs,
            rows,
        }
    }

    /// The rows with failures, and their kinds.
    #[must_use]
    pub fn failures(&self) -> Vec<String> {
        let failed = self.rows.iter().filter(|row| !row.failures.is_empty());
        failed
            .map(|row| format!("{}: {}", row.name, kinds(&row.failures)))
            .collect()
    }
}
