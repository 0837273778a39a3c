//! The results of a run: the schema of `--json`, which the summary, the verdict,
//! the page and the comparison read.
//!
//! Times are in microseconds (`_us`) or seconds (`_s`), sizes in bytes, rates
//! per second, utilizations, shares and quantiles in 0..1. A field that does not
//! apply is `null`. The number in `schema` rises whenever a field changes its
//! meaning or is removed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::statistics::{Distribution, Fit, Precision};

mod arguments;
mod connections;
mod cpu;
mod machine;
mod messages;
mod ranks;
#[cfg(test)]
mod sample;
mod second;
mod seconds;
mod slow;
mod tcp;
mod under_load;
mod verdict;

pub use arguments::{Arguments, Arrivals};
pub use connections::Connections;
pub use cpu::Cpu;
pub use machine::{Machine, NoiseFloor};
pub use messages::{InFlight, Messages};
pub use ranks::{RankLine, Slice, instant};
#[cfg(test)]
pub(crate) use sample::sample;
pub use second::Second;
pub use slow::{Cause, SlowMessage};
pub(crate) use slow::{MIN_RETRANSMISSION_US, attribute};
pub use tcp::{Tcp, TcpEnd, TcpState};
pub use under_load::{Part, UnderLoad};
pub use verdict::{Expectation, Verdict};

/// The number of this schema.
pub const SCHEMA: u32 = 2;

/// The results of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// [`SCHEMA`].
    pub schema: u32,
    /// When the load began, in UTC, as RFC 3339.
    pub started: String,
    /// The server.
    pub target: Target,
    /// What was requested.
    pub arguments: Arguments,
    /// Where the run was made.
    pub machine: Machine,
    /// `null` when it was not measured.
    pub noise_floor: Option<NoiseFloor>,
    /// Whether a signal ended the run before its requested end, or before all
    /// replies had arrived.
    pub interrupted: bool,
    /// Length of the measured window: from the end of the warm-up to the requested
    /// end or, without one, to the last reply. All rates refer to it.
    pub elapsed_s: f64,
    /// Connections, and how evenly they were served.
    pub connections: Connections,
    /// Messages and bytes.
    pub messages: Messages,
    /// Correct replies per second within the window.
    pub throughput: f64,
    /// From the intended start in an open loop, from the send in a closed one.
    /// A message without a reply counts with its age when the wait for it ended, or
    /// with the timeout if its connection failed before that; one that was never
    /// sent counts with its lateness at the end.
    pub latency: Distribution,
    /// From the send; only in an open loop.
    pub latency_uncorrected: Option<Distribution>,
    /// How late messages were sent, against their intended start; only in an
    /// open loop.
    pub schedule_lag: Option<Distribution>,
    /// Time to open a connection, TLS handshake included, when the messages per
    /// connection are limited; connections opened before the measurement are
    /// excluded.
    #[serde(default)]
    pub connect_latency: Option<Distribution>,
    /// Whether the messages were actually sent as a Poisson process; only with
    /// Poisson arrivals, and enough of them.
    #[serde(default)]
    pub arrivals: Option<Fit>,
    /// How precisely the figure of `--until` is known; `null` without that option.
    #[serde(default)]
    pub precision: Option<Precision>,
    /// The messages without and with the load of `--load`; `null` without that
    /// option.
    #[serde(default)]
    pub under_load: Option<UnderLoad>,
    /// Messages in flight.
    pub in_flight: InFlight,
    /// CPU time.
    pub cpu: Cpu,
    /// The connections as the kernel saw them; `null` where it does not report
    /// that.
    #[serde(default)]
    pub tcp: Option<Tcp>,
    /// The slowest messages, the slowest first.
    #[serde(default)]
    pub slowest: Vec<SlowMessage>,
    /// The processes that shared the load: one, except in merged results.
    #[serde(default)]
    pub ranks: Vec<RankLine>,
    /// The samples, to merge these results with others.
    #[serde(default)]
    pub slices: Vec<Slice>,
    /// Second by second.
    pub series: Vec<Second>,
    /// By kind; kinds that did not occur are left out.
    pub failures: BTreeMap<String, u64>,
    /// Each `--expect`.
    pub expectations: Vec<Expectation>,
    /// Whether the figures can be relied on.
    pub verdict: Verdict,
}

/// The server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// As `host:port`.
    pub address: String,
    /// Whether it is on this machine, by the addresses of both ends; `null`
    /// without a connection.
    pub same_host: Option<bool>,
}

impl Results {
    /// Failures of all kinds.
    #[must_use]
    pub fn failed(&self) -> u64 {
        let counts = self.failures.values();
        counts.fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Completes `rank` with its figures.
    pub(crate) fn rank_line(&self, rank: RankLine) -> RankLine {
        RankLine {
            elapsed_s: self.elapsed_s,
            connections: self.connections.opened,
            throughput: self.throughput,
            p50_us: self.latency.p50_us,
            p99_us: self.latency.p99_us,
            max_us: self.latency.max_us,
            failures: self.failed(),
            cpus: self.cpu.client_cpus,
            client_utilization: self.cpu.client_utilization,
            reasons: self.verdict.reasons.clone(),
            ..rank
        }
    }
}

/// Failures by kind: `2 short, 1 timeout`.
#[must_use]
pub fn kinds(failures: &BTreeMap<String, u64>) -> String {
    let kinds: Vec<String> = failures
        .iter()
        .map(|(kind, count)| format!("{count} {}", kind.replace('_', " ")))
        .collect();
    kinds.join(", ")
}
