//! One second of a run.

use serde::{Deserialize, Serialize};

/// One second of the run; the last one may be shorter.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Second {
    /// When it ended, since the load began; warm-up included.
    pub elapsed_s: f64,
    /// Correct replies per second.
    pub throughput: f64,
    /// Median latency; `null` without a reply.
    pub p50_us: Option<f64>,
    /// 99th percentile.
    pub p99_us: Option<f64>,
    /// The highest latency.
    pub max_us: Option<f64>,
    /// Messages in flight at its end.
    pub in_flight: u64,
    /// Failures in it.
    pub failures: u64,
    /// Excluded from all other figures.
    pub warmup: bool,
}
