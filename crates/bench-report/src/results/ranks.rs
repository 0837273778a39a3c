//! The processes that share a load, and the samples of each.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::format::representable;

/// A process that had a share of the load. An unmerged run has one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RankLine {
    /// Its index, from 0.
    pub rank: u64,
    /// Its host's name.
    pub host: Option<String>,
    /// Identifies the kernel that keeps its clock: equal for ranks on one machine.
    pub clock: Option<String>,
    /// Whether that clock is synchronised; `null` where the system does not report
    /// it, or was not asked.
    pub clock_synchronised: Option<bool>,
    /// When the program was started.
    pub launched: String,
    /// When the measurement was to begin (`--start-at`).
    pub intended_start: Option<String>,
    /// When the measurement began.
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
    /// CPUs that the generator may run on.
    #[serde(default)]
    pub cpus: u64,
    /// Which ones, as `0-3,8`; `null` where the system does not say.
    #[serde(default)]
    pub cpu_list: Option<String>,
    /// The share of all its CPUs that the generator used.
    pub client_utilization: f64,
    /// The reasons of its verdict; empty if it is VALID.
    pub reasons: Vec<String>,
}

/// An instant in UTC as RFC 3339, to the microsecond.
#[must_use]
pub fn instant(time: SystemTime) -> String {
    humantime::format_rfc3339_micros(representable(time)).to_string()
}

/// The samples of a part of the measured window, in nanoseconds: base64 of HDR
/// histograms (V2, deflated), as in the HDR log. Together, the slices hold every
/// sample.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Slice {
    /// When it begins, by its host's clock: Unix time.
    pub start_unix_s: f64,
    /// Its length.
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
