//! The processes that a load is shared by, and the samples of each.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::Results;
use crate::format::representable;

/// A process that had a part of the load. A run of its own has one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RankLine {
    /// Which it is, from 0.
    pub rank: u64,
    /// Its host's name.
    pub host: Option<String>,
    /// Which kernel keeps its clock: ranks with the same have one.
    pub clock: Option<String>,
    /// Whether that clock is synchronised; `null` where it was not asked or the
    /// system does not say.
    pub clock_synchronised: Option<bool>,
    /// When the program was started.
    pub launched: String,
    /// When the measurement was to begin (`--start-at`).
    pub intended_start: Option<String>,
    /// When it began.
    pub start: String,
    /// How long it lasted.
    pub elapsed_s: f64,
    /// Connections that were opened.
    pub connections: u64,
    /// Correct replies per second.
    pub throughput: f64,
    /// Median latency.
    pub p50_us: f64,
    /// 99th percentile.
    pub p99_us: f64,
    /// The highest latency.
    pub max_us: f64,
    /// Failures of all kinds.
    pub failures: u64,
    /// The share of all its CPUs that the generator used.
    pub client_utilization: f64,
    /// The reasons of its verdict; none is VALID.
    pub reasons: Vec<String>,
}

impl RankLine {
    /// With the figures of its `results`.
    pub(crate) fn with_figures(self, results: &Results) -> Self {
        let latency = &results.latency;
        Self {
            elapsed_s: results.elapsed_s,
            connections: results.connections.opened,
            throughput: results.throughput,
            p50_us: latency.p50_us,
            p99_us: latency.p99_us,
            max_us: latency.max_us,
            failures: results.failed(),
            client_utilization: results.cpu.client_utilization,
            reasons: results.verdict.reasons.clone(),
            ..self
        }
    }
}

/// An instant in UTC as RFC 3339, to the microsecond.
#[must_use]
pub fn instant(time: SystemTime) -> String {
    humantime::format_rfc3339_micros(representable(time)).to_string()
}

/// The samples of a part of the measured window, in nanoseconds: base64 of HDR
/// histograms (V2, deflated), as in the HDR log. All slices together have all
/// samples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Slice {
    /// When it begins, by the clock of its host: Unix time.
    pub start_unix_s: f64,
    /// How long it lasts.
    pub length_s: f64,
    /// Correct replies in it.
    pub replies: u64,
    /// As the results' `latency`.
    pub latency: String,
    /// As the results' `latency_uncorrected`.
    pub latency_uncorrected: Option<String>,
    /// As the results' `schedule_lag`.
    pub schedule_lag: Option<String>,
}
