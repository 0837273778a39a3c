//! The connections as the kernel saw them.

use serde::{Deserialize, Serialize};

use crate::statistics::Spread;

/// The connections as the kernel saw them (`TCP_INFO`, tcp(7)), at the start of
/// the measurement and at its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tcp {
    /// The ends of this client.
    pub client: TcpEnd,
    /// The server's; `null` when it is on another host.
    pub server: Option<TcpEnd>,
}

/// One end of all connections. Segments are those of the measurement and of the
/// wait for its last replies.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TcpEnd {
    /// Connections that still existed at the end.
    pub connections: u64,
    /// Segments retransmitted.
    pub retransmitted: u64,
    /// Those of them that the other end already had (RFC 2883): not lost, but they or
    /// their acknowledgements were late.
    pub spurious: u64,
    /// Segments sent, with and without data.
    pub segments_out: u64,
    /// Segments received, with and without data.
    pub segments_in: u64,
    /// Those of `segments_out` with data.
    pub data_segments_out: u64,
    /// Those of `segments_in` with data.
    pub data_segments_in: u64,
    /// `null` when the connections were opened later, by a ramp.
    pub start: Option<TcpState>,
    /// `null` when no connection remained.
    pub end: Option<TcpState>,
    /// Segments retransmitted on each open connection, by its index; `null` where
    /// the connection no longer existed.
    pub retransmitted_by_connection: Vec<Option<u64>>,
}

/// What the kernel knew of the connections at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TcpState {
    /// Smoothed round-trip time, of segments and their acknowledgements.
    pub rtt_us: Spread,
    /// Its mean deviation.
    pub rtt_variance_us: Spread,
    /// The lowest of the last five minutes.
    pub min_rtt_us: Spread,
    /// In segments.
    pub congestion_window: Spread,
    /// As last measured, in bytes per second.
    pub delivery_rate: Spread,
    /// Maximum segment size, in bytes.
    pub mss: Spread,
    /// Maximum delay of an acknowledgement.
    pub ack_timeout_us: Spread,
}

impl Tcp {
    /// Segments retransmitted by each end that is known.
    #[must_use]
    pub fn retransmitted(&self) -> u64 {
        self.ends().map(|end| end.retransmitted).sum()
    }

    /// The ends that are known.
    pub(crate) fn ends(&self) -> impl Iterator<Item = &TcpEnd> {
        [Some(&self.client), self.server.as_ref()]
            .into_iter()
            .flatten()
    }
}
