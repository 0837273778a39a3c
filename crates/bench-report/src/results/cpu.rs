//! CPU time of a run.

use serde::{Deserialize, Serialize};

/// CPU time within the window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cpu {
    /// Of this process without its server's threads.
    pub client_cpu_s: f64,
    /// Of the embedded server's threads.
    pub server_cpu_s: Option<f64>,
    /// CPUs that the client may run on.
    pub client_cpus: u64,
    /// The share of those CPUs that `client_cpu_s` is.
    pub client_utilization: f64,
    /// The share of one CPU that the busiest connection's thread used.
    pub busiest_thread_utilization: f64,
    /// The busy share of all CPUs, over all processes; `null` where the system
    /// does not report it.
    pub machine_utilization: Option<f64>,
}
