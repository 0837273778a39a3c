//! The same messages without and with a load beside them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::statistics::Distribution;

/// What a load of bulk frames on further connections does to the messages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnderLoad {
    /// Connections of the load to be opened, by this rank.
    #[serde(default)]
    pub requested: u64,
    /// Those of them that were opened.
    pub opened: u64,
    /// Payload of its frames, in bytes.
    pub frame_bytes: u64,
    /// What it moved each way, while the loaded part lasted.
    pub bytes_per_s: f64,
    /// Its failures by kind; those of the messages are not among them.
    pub failures: BTreeMap<String, u64>,
    /// Before it.
    pub idle: Part,
    /// While it lasted, its first moments excluded; `null` when the run ended before
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
