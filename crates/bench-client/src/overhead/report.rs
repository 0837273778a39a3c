//! All runs and rows: the schema of `overhead --json`.
//!
//! Times are in microseconds (`_us`) or seconds (`_s`), sizes in bytes, rates
//! per second. A figure that a run does not have is `null`: all of a run
//! without a reply, its p99 below 1,000 replies, CPU where the system does not
//! say. The number in `schema` rises whenever a field changes its meaning or
//! goes away.

use std::{collections::BTreeMap, time::SystemTime};

use serde::Serialize;

use super::{
    OverheadArgs,
    row::{self, Row},
    variant::Variant,
};
use crate::{
    machine,
    results::{Machine, Results},
    verdict,
};

/// The number of this schema.
const SCHEMA: u32 = 2;

/// All runs and all rows.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    schema: u32,
    /// When the first run began, in UTC, as RFC 3339.
    started: String,
    pub(crate) arguments: Arguments,
    pub(crate) machine: Machine,
    /// In the order in which they were made.
    pub(crate) runs: Vec<Run>,
    /// The plain load first, the control last.
    pub(crate) rows: Vec<Row>,
}

/// What was asked for. A signal may have ended it earlier.
#[derive(Debug, Serialize)]
pub(crate) struct Arguments {
    pub(crate) repeats: u64,
    /// Of each run.
    pub(crate) duration_s: f64,
    warmup_s: f64,
    connections: u64,
    /// Maximum of messages in flight on a connection.
    pipeline: u64,
    /// As it was given: `64`, `64..4k`, `64,512,4k`.
    size: String,
    seed: u64,
    /// 0: one byte repeated, 1: random bytes.
    entropy: f64,
}

/// One run's key figures.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Run {
    /// The row that it belongs to.
    pub(crate) name: &'static str,
    /// From 1 on.
    pub(crate) repeat: u64,
    elapsed_s: f64,
    /// Right replies.
    replies: u64,
    /// Replies per second.
    pub(crate) throughput: f64,
    /// CPU time of the clients' threads per reply.
    pub(crate) client_cpu_us: Option<f64>,
    /// The same of the server's.
    pub(crate) server_cpu_us: Option<f64>,
    /// A message on the wire, one way, header and checksum included, but not
    /// what TLS adds: the mean.
    pub(crate) wire_bytes: Option<f64>,
    pub(crate) p99_us: Option<f64>,
    /// By kind; kinds that did not happen are left out. `no_run` is one that
    /// could not begin.
    pub(crate) failures: BTreeMap<String, u64>,
}

impl Report {
    pub(crate) fn new(
        args: &OverheadArgs,
        started: SystemTime,
        variants: &[Variant],
        runs: Vec<Run>,
    ) -> Self {
        let mut rows: Vec<Row> = variants
            .iter()
            .map(|variant| Row::new(variant.name, variant.options, &runs))
            .collect();
        row::compare(&mut rows, &runs);
        Self {
            schema: SCHEMA,
            started: machine::rfc3339(started),
            arguments: Arguments {
                repeats: args.repeats,
                duration_s: args.duration.as_secs_f64(),
                warmup_s: args.warmup.as_secs_f64(),
                connections: args.connections,
                pipeline: args.pipeline as u64,
                size: args.size.to_string(),
                seed: args.seed,
                entropy: args.entropy,
            },
            machine: machine::here(),
            runs,
            rows,
        }
    }

    /// The rows with failures, each with what they were.
    pub(crate) fn failures(&self) -> Vec<String> {
        let failed = self.rows.iter().filter(|row| !row.failures.is_empty());
        failed
            .map(|row| format!("{}: {}", row.name, verdict::kinds(&row.failures)))
            .collect()
    }
}

impl Run {
    pub(crate) fn of(name: &'static str, repeat: u64, results: &Results) -> Self {
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
    pub(crate) fn failed(name: &'static str, repeat: u64) -> Self {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::sample;

    #[test]
    fn a_figure_is_of_one_message() {
        let mut results = sample();
        results.cpu.server_cpu_s = Some(5.0);
        let run = Run::of("tls", 1, &results);
        assert_eq!(run.client_cpu_us, Some(10.0));
        assert_eq!(run.server_cpu_us, Some(5.0));
        assert_eq!(run.wire_bytes, Some(16.0));
        assert_eq!(run.p99_us, Some(90.0));
        results.messages.replies = 0;
        results.latency.count = 999;
        let run = Run::of("tls", 1, &results);
        assert_eq!((run.wire_bytes, run.client_cpu_us), (None, None));
        assert_eq!(run.p99_us, None);
    }
}
