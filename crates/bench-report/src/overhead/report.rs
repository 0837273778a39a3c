//! All runs and rows: the schema of `overhead --json`.
//!
//! Times are in microseconds (`_us`) or seconds (`_s`), sizes in bytes, rates
//! per second. A figure that a run does not have is `null`: all of a run
//! without a reply, its p99 below 1,000 replies, CPU where the system does not
//! say. The number in `schema` rises whenever a field changes its meaning or is
//! removed.

use std::{collections::BTreeMap, fmt, time::SystemTime};

use serde::Serialize;

use super::row::{self, OverheadRow};
use crate::{
    format::{Count, rfc3339},
    results::{Arguments, Machine, Results, kinds},
};

/// The number of this schema.
const SCHEMA: u32 = 2;

/// All runs and all rows.
#[derive(Debug, Serialize)]
pub struct OverheadReport {
    schema: u32,
    /// When the first run began, in UTC, as RFC 3339.
    started: String,
    /// Runs of each row that were requested; a signal may have come earlier.
    pub(super) repeats: u64,
    /// Of each run, but for the option of its row.
    pub(super) arguments: Arguments,
    pub(super) machine: Machine,
    /// In the order in which they were made.
    pub(super) runs: Vec<OverheadRun>,
    /// The plain load first, the control last.
    pub(super) rows: Vec<OverheadRow>,
}

/// One run's key figures.
#[derive(Clone, Debug, Serialize)]
pub struct OverheadRun {
    /// The row that it belongs to.
    pub name: &'static str,
    /// From 1 on.
    pub repeat: u64,
    elapsed_s: f64,
    /// Correct replies.
    replies: u64,
    /// Replies per second.
    pub throughput: f64,
    /// CPU time of the clients' threads per reply.
    pub(super) client_cpu_us: Option<f64>,
    /// The same of the server's.
    pub(super) server_cpu_us: Option<f64>,
    /// A message on the wire, one way, header and checksum included, but not
    /// what TLS adds: the mean.
    pub(super) wire_bytes: Option<f64>,
    pub(super) p99_us: Option<f64>,
    /// By kind; kinds that did not happen are left out. `no_run` is one that
    /// could not begin.
    pub(super) failures: BTreeMap<String, u64>,
}

impl OverheadReport {
    /// Sums up `runs` in `rows`, each with its name and the options that it adds
    /// to the plain load.
    #[must_use]
    pub fn new(
        arguments: Arguments,
        repeats: u64,
        machine: Machine,
        started: SystemTime,
        rows: &[(&'static str, &'static str)],
        runs: Vec<OverheadRun>,
    ) -> Self {
        let rows = rows.iter();
        let mut rows: Vec<OverheadRow> = rows
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

    /// The rows with failures, each with what they were.
    #[must_use]
    pub fn failures(&self) -> Vec<String> {
        let failed = self.rows.iter().filter(|row| !row.failures.is_empty());
        failed
            .map(|row| format!("{}: {}", row.name, kinds(&row.failures)))
            .collect()
    }
}

impl OverheadRun {
    /// The key figures of `results`.
    #[must_use]
    pub fn of(name: &'static str, repeat: u64, results: &Results) -> Self {
        let (cpu, messages) = (&results.cpu, &results.messages);
        Self {
            name,
            repeat,
            elapsed_s: results.elapsed_s,
            replies: messages.replies,
            throughput: results.throughput,
            client_cpu_us: messages.each(1e6 * cpu.client_cpu_s),
            server_cpu_us: cpu
                .server_cpu_s
                .and_then(|seconds| messages.each(1e6 * seconds)),
            wire_bytes: messages.each(messages.wire_bytes as f64),
            p99_us: results.latency.percentile("p99"),
            failures: results.failures.clone(),
        }
    }

    /// One that could not begin.
    #[must_use]
    pub fn failed(name: &'static str, repeat: u64) -> Self {
        Self {
            name,
            repeat,
            elapsed_s: 0.0,
            replies: 0,
            throughput: 0.0,
            client_cpu_us: None,
            server_cpu_us: None,
            wire_bytes: None,
            p99_us: None,
            failures: BTreeMap::from([("no_run".to_owned(), 1)]),
        }
    }
}

/// `checksum, 113k/s`.
impl fmt::Display for OverheadRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}/s", self.name, Count(self.throughput))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::sample;

    #[test]
    fn a_figure_is_of_one_message() {
        let mut results = sample();
        results.cpu.server_cpu_s = Some(5.0);
        let run = OverheadRun::of("tls", 1, &results);
        assert_eq!(run.client_cpu_us, Some(10.0));
        assert_eq!(run.server_cpu_us, Some(5.0));
        assert_eq!(run.wire_bytes, Some(16.0));
        assert_eq!(run.p99_us, Some(90.0));
        results.messages.replies = 0;
        results.latency.count = 999;
        let run = OverheadRun::of("tls", 1, &results);
        assert_eq!((run.wire_bytes, run.client_cpu_us), (None, None));
        assert_eq!(run.p99_us, None);
    }
}
