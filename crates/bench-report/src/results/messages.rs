//! The messages of a run: how many there were, and how many were in flight.

use serde::{Deserialize, Serialize};

/// Messages after the warm-up: `sent` is the sum of `replies`, `unanswered` and
/// those with a wrong reply, which are failures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Messages {
    /// Sent.
    pub sent: u64,
    /// With a correct reply, whenever it came.
    pub replies: u64,
    /// Correct replies within the window, from which the throughput is computed.
    /// Replies after its end are excluded; those after its start are included,
    /// even if their messages were sent during the warm-up.
    pub replies_in_window: u64,
    /// Without any reply: timed out, or lost with their connection.
    pub unanswered: u64,
    /// Due before the end of an open loop and never sent.
    pub unsent: u64,
    /// Payload of the correct replies, one way.
    pub payload_bytes: u64,
    /// The same on the wire, headers and checksums included.
    pub wire_bytes: u64,
    /// Reads that returned data.
    pub reads: u64,
    /// Writes that sent data.
    pub writes: u64,
}

impl Messages {
    /// `total` per correct reply; `None` without one.
    #[must_use]
    pub fn each(&self, total: f64) -> Option<f64> {
        (self.replies > 0).then(|| total / self.replies as f64)
    }
}

/// Messages in flight over all connections: the mean over the window, found in two
/// independent ways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct InFlight {
    /// From counting them `samples` times.
    pub sampled_mean: f64,
    /// How often they were counted.
    pub samples: u64,
    /// From the times between each send and its reply, as far as they lie within
    /// the window: throughput times latency (Little's law).
    pub latency_mean: f64,
}
