//! The same messages without and with a load beside them.

use std::{collections::BTreeMap, time::Duration};

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::statistics::{Distribution, distribution};

/// How a load of bulk frames on further connections affects the messages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnderLoad {
    /// Connections of the load to be opened, by this rank.
    #[serde(default)]
    pub requested: u64,
    /// Those of them that were opened.
    pub opened: u64,
    /// Payload of its frames, in bytes.
    pub frame_bytes: u64,
    /// Bytes per second that it moved each way during the loaded part.
    pub bytes_per_s: f64,
    /// Its failures by kind; those of the messages are not among them.
    pub failures: BTreeMap<String, u64>,
    /// Before the load.
    pub idle: Part,
    /// During the load, its first moments excluded; `null` when the run ended before
    /// that.
    pub loaded: Option<Part>,
}

/// A part of the measurement.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// Its length.
    pub elapsed_s: f64,
    /// Correct replies per second.
    pub throughput: f64,
    /// As in the results' `latency`.
    pub latency: Distribution,
}

impl Part {
    /// A part with these latencies, in nanoseconds.
    #[must_use]
    pub fn of(elapsed: Duration, replies: u64, latencies: &Histogram<u64>) -> Self {
        Self {
            elapsed_s: elapsed.as_secs_f64(),
            throughput: proto::qps::rate(replies, elapsed),
            latency: distribution(latencies),
        }
    }
}
