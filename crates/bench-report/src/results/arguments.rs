//! What a run was requested to do.

use std::{net::IpAddr, time::Duration};

use serde::{Deserialize, Serialize};

use super::seconds;

/// What a run was requested to do. Two runs are comparable when all of it agrees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(clippy::struct_excessive_bools)] // one for each flag
pub struct Arguments {
    /// Whether the server ran inside this process.
    pub with_server: bool,
    /// `framed` or `raw`.
    pub wire: String,
    /// Processes that share the load; the fields below are for all of them together.
    #[serde(default = "one")]
    pub ranks: u64,
    /// Connections to open.
    pub connections: u64,
    /// Maximum messages in flight on a connection.
    pub pipeline: u64,
    /// Messages per second over all connections; `null` for a closed loop.
    pub rate: Option<f64>,
    /// When messages are due in an open loop: `uniform` or `poisson`.
    #[serde(default)]
    pub arrivals: Arrivals,
    /// The figure that ends the run, and its precision: `throughput±2%`; `null` if
    /// only the duration or the number of messages ends it.
    #[serde(default)]
    pub until: Option<String>,
    /// How long to measure; `null` if something else ends the run.
    #[serde(rename = "duration_s", with = "seconds::optional")]
    pub duration: Option<Duration>,
    /// Messages to send over all connections; `null` for no limit.
    pub requests: Option<u64>,
    /// Excluded from every figure.
    #[serde(rename = "warmup_s", with = "seconds")]
    pub warmup: Duration,
    /// Connections that stream bulk frames in the second half; `null` for none.
    #[serde(default)]
    pub load: Option<u64>,
    /// Messages per connection, after which a new one replaces it; `null` for no
    /// limit.
    #[serde(default)]
    pub per_connection: Option<u64>,
    /// Time over which connections are opened.
    #[serde(rename = "ramp_s", with = "seconds")]
    pub ramp: Duration,
    /// Maximum wait for a reply.
    #[serde(rename = "timeout_s", with = "seconds")]
    pub timeout: Duration,
    /// Payload in bytes, as given: `64`, `64..4k`, `64,512,4k`.
    pub size: String,
    /// Determines sizes and payloads.
    pub seed: u64,
    /// Share of random bytes in a payload: 0 is one byte repeated.
    pub entropy: f64,
    /// Whether reply contents were verified.
    pub verify: bool,
    /// Whether frames carried a checksum.
    pub checksum: bool,
    /// Whether payloads were compressed.
    pub compress: bool,
    /// Whether connections were encrypted.
    pub tls: bool,
    /// Silence after which a heartbeat is sent; `null` for none.
    #[serde(rename = "heartbeat_s", with = "seconds::optional")]
    pub heartbeat: Option<Duration>,
    /// Maximum bytes per read; `null` for the default.
    pub read_buffer: Option<u64>,
    /// Bytes collected before a write; `null` for the default.
    pub write_buffer: Option<u64>,
    /// `SO_SNDBUF`; `null` for the system's default.
    pub send_buffer: Option<u64>,
    /// `SO_RCVBUF`; `null` for the system's default.
    pub recv_buffer: Option<u64>,
    /// Whether Nagle's algorithm is off (`TCP_NODELAY`).
    pub nodelay: bool,
    /// How long reads poll before they block.
    #[serde(rename = "spin_s", with = "seconds", default)]
    pub spin: Duration,
    /// CPUs that the generator was pinned to; `null` for all.
    #[serde(default)]
    pub cpus: Option<String>,
    /// The only IP version to use, 4 or 6; `null` for both.
    #[serde(default)]
    pub ip_version: Option<u8>,
    /// Local addresses that connections use in turn; empty for the system's choice.
    #[serde(default)]
    pub sources: Vec<IpAddr>,
    /// The congestion control algorithm; `null` for the system's default.
    #[serde(default)]
    pub congestion: Option<String>,
    /// The DSCP of the packets sent; `null` for the system's default.
    #[serde(default)]
    pub dscp: Option<u8>,
}

/// When the messages of an open loop are due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arrivals {
    /// At even intervals.
    #[default]
    Uniform,
    /// After exponentially distributed gaps: a Poisson process.
    Poisson,
}

/// Older files of this schema have no `ranks`.
const fn one() -> u64 {
    1
}
