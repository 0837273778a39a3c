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

/// `TCP_INFO` of one end of a connection. Counts start when it is opened, and wrap
/// at 2^32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)] // as in the results
pub struct TcpInfo {
    pub retransmitted: u32,
    pub spurious: u32,
    pub segments_out: u32,
    pub segments_in: u32,
    pub data_segments_out: u32,
    pub data_segments_in: u32,
    pub rtt_us: u32,
    pub rtt_variance_us: u32,
    pub min_rtt_us: u32,
    pub congestion_window: u32,
    pub delivery_rate: u64,
    pub mss: u32,
    pub ack_timeout_us: u32,
    /// Since data was last sent and received, in ticks of the kernel's clock: 1 to
    /// 10 ms.
    pub since_sent_ms: u32,
    pub since_received_ms: u32,
}

/// One end of a connection at the start, if it was open then, and at the end.
pub type TcpSpan = (Option<TcpInfo>, TcpInfo);

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

impl TcpEnd {
    /// Adds up one end of all connections, by their index.
    #[must_use]
    pub fn of(spans: &[Option<TcpSpan>]) -> Self {
        let known = || spans.iter().flatten();
        let grown = |(before, after): &TcpSpan, count: fn(&TcpInfo) -> u32| {
            let before = before.as_ref().map_or(0, count);
            u64::from(count(after).wrapping_sub(before))
        };
        let sum = |count: fn(&TcpInfo) -> u32| known().map(|span| grown(span, count)).sum();
        Self {
            connections: known().count() as u64,
            retransmitted: sum(|info| info.retransmitted),
            spurious: sum(|info| info.spurious),
            segments_out: sum(|info| info.segments_out),
            segments_in: sum(|info| info.segments_in),
            data_segments_out: sum(|info| info.data_segments_out),
            data_segments_in: sum(|info| info.data_segments_in),
            start: TcpState::of(known().filter_map(|(before, _)| before.as_ref())),
            end: TcpState::of(known().map(|(_, after)| after)),
            retransmitted_by_connection: spans
                .iter()
                .map(|span| Some(grown(span.as_ref()?, |info| info.retransmitted)))
                .collect(),
        }
    }
}

impl TcpState {
    fn of<'a>(infos: impl Iterator<Item = &'a TcpInfo>) -> Option<Self> {
        let infos: Vec<&TcpInfo> = infos.collect();
        let spread = |figure: fn(&TcpInfo) -> f64| {
            let figures: Vec<f64> = infos.iter().map(|info| figure(info)).collect();
            Spread::of(&figures)
        };
        Some(Self {
            rtt_us: spread(|info| info.rtt_us.into())?,
            rtt_variance_us: spread(|info| info.rtt_variance_us.into())?,
            min_rtt_us: spread(|info| info.min_rtt_us.into())?,
            congestion_window: spread(|info| info.congestion_window.into())?,
            delivery_rate: spread(|info| info.delivery_rate as f64)?,
            mss: spread(|info| info.mss.into())?,
            ack_timeout_us: spread(|info| info.ack_timeout_us.into())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_those_since_the_start() {
        let info = |retransmitted, segments_out, rtt_us| TcpInfo {
            retransmitted,
            segments_out,
            rtt_us,
            ..TcpInfo::default()
        };
        let end = TcpEnd::of(&[
            Some((Some(info(1, 10, 5)), info(4, 30, 7))),
            None,
            // Opened later.
            Some((None, info(2, 5, 9))),
            // A count that wrapped.
            Some((Some(info(0, u32::MAX, 5)), info(0, 1, 8))),
        ]);
        assert_eq!(end.connections, 3);
        assert_eq!((end.retransmitted, end.segments_out), (5, 20 + 5 + 2));
        let by_connection = [Some(3), None, Some(2), Some(0)];
        assert_eq!(end.retransmitted_by_connection, by_connection);
        assert_eq!(end.start.map(|state| state.rtt_us.max), Some(5.0));
        assert_eq!(end.end.map(|state| state.rtt_us.median), Some(8.0));
        assert_eq!(TcpEnd::of(&[None]).end, None);
    }
}
