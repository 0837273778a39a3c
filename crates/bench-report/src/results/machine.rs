//! The machine that a run was made on, and what it adds to every latency.

use serde::{Deserialize, Serialize};

/// The machine that a run was made on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Of this program.
    pub version: String,
    /// Operating system.
    pub os: String,
    /// Its release.
    pub kernel: Option<String>,
    /// Model of the first CPU.
    pub cpu_model: Option<String>,
    /// CPUs that this process may use.
    pub cpus: u64,
}

/// What this machine adds to every latency, measured before the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(clippy::struct_field_names)] // the unit is part of the schema
pub struct NoiseFloor {
    /// Reading the clock once.
    pub clock_us: f64,
    /// How much longer than requested a short sleep takes, median.
    pub timer_overshoot_p50_us: f64,
    /// The same, p99.
    pub timer_overshoot_p99_us: f64,
    /// From one thread waking another until that one runs, median.
    pub thread_wakeup_p50_us: f64,
    /// The same, p99.
    pub thread_wakeup_p99_us: f64,
}
