//! The key figures of one run, and the names of the rows that it may belong to.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

use crate::{format::per_second, results::Results};

/// The row that all others are compared with.
pub const PLAIN: &str = "plain";

/// The same load once more, to show how much equal runs differ. It is the run of
/// each repeat that is farthest from [`PLAIN`], so it has the most noise of all.
pub const CONTROL: &str = "plain again";

/// The key figures of one run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct OverheadRun {
    /// The row that it belongs to.
    pub name: &'static str,
    /// From 1.
    pub repeat: u64,
    elapsed_s: f64,
    /// Correct replies.
    replies: u64,
    /// Replies per second.
    pub throughput: f64,
    /// CPU time of the client's threads per reply.
    pub(super) client_cpu_us: Option<f64>,
    /// The same of the server's threads.
    pub(super) server_cpu_us: Option<f64>,
    /// The mean size of a message on the wire, one way, header and checksum
    /// included, without what TLS adds.
    pub(super) wire_bytes: Option<f64>,
    pub(super) p99_us: Option<f64>,
    /// By kind; kinds that did not occur are left out. `no_run` is a run that could
    /// not start.
    pub(super) failures: BTreeMap<String, u64>,
}

impl OverheadRun {
    /// The key figures of `results`.
    #[must_use]
    pub fn of(name: &'static str, repeat: u64, results: &Results) -> Self {
        let (cpu, messages) = (&results.cpu, &results.messages);
        let server_cpu_s = cpu.server_cpu_s;
        Self {
            name,
            repeat,
            elapsed_s: results.elapsed_s,
            replies: messages.replies,
            throughput: results.throughput,
            client_cpu_us: messages.each(1e6 * cpu.client_cpu_s),
            server_cpu_us: server_cpu_s.and_then(|s| messages.each(1e6 * s)),
            wire_bytes: messages.each(messages.wire_bytes as f64),
            p99_us: results.latency.percentile("p99"),
            failures: results.failures.clone(),
        }
    }

    /// One that could not start.
    #[must_use]
    pub fn failed(name: &'static str, repeat: u64) -> Self {
        Self {
            name,
            repeat,
            failures: BTreeMap::from([("no_run".to_owned(), 1)]),
            ..Self::default()
        }
    }

    pub(super) fn has_failed(&self) -> bool {
        !self.failures.is_empty()
    }
}

/// `checksum, 113k/s`.
impl fmt::Display for OverheadRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.name, per_second(self.throughput))
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
