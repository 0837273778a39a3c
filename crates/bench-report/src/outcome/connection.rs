//! The outcome of one connection.

use std::time::Duration;

/// The outcome of one connection. Messages of the warm-up are not counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct ConnectionOutcome {
    /// Messages sent.
    pub sent: u64,
    /// Correct replies, whenever they arrived.
    pub replies: u64,
    /// Correct replies within the window, whenever their messages were sent.
    pub replies_in_window: u64,
    /// Messages without any reply.
    pub unanswered: u64,
    /// Reads that returned data.
    pub reads: u64,
    /// Writes that sent data.
    pub writes: u64,
    /// Time that its messages were in flight within the window, summed over all of
    /// them, in nanoseconds.
    pub in_flight_ns: u64,
    /// CPU time of its thread while it had something to send; `None` where the
    /// system does not report it.
    pub cpu: Option<Duration>,
}
