//! The connections as the kernel sees them, at the start and at the end.

use std::{collections::HashMap, sync::Arc};

use bench_report::{
    results::{Tcp, TcpEnd, TcpState},
    statistics::Spread,
};
use transport::{
    TcpInfo,
    sock_diag::{self, Ends},
};

use super::Link;

/// One end of a connection at the start, if it was open then, and at the end.
type Span = (Option<TcpInfo>, TcpInfo);

/// The kernel's data of all connections at an instant: of this client's ends, and
/// of the server's if those are on this host.
pub(super) struct KernelView(HashMap<Ends, TcpInfo>);

impl KernelView {
    /// Samples all connections at once; `None` where the system does not report them.
    pub(super) fn now(links: &[Arc<Link>]) -> Option<Self> {
        let link = links.first()?;
        let [_, peer] = link.ends?;
        let mut ends = sock_diag::dump(0, peer.port())?;
        if link.peer_on_this_host().is_some() {
            ends.extend(sock_diag::dump(peer.port(), 0)?);
        }
        Some(Self(ends))
    }

    /// Adds up what came since `before`, on connections by their index.
    pub(super) fn since(&self, before: Option<&Self>, links: &[Arc<Link>]) -> Tcp {
        let end = |side: fn(Ends) -> Ends| {
            let spans = links.iter().map(|link| {
                let ends = side(link.ends?);
                let before = before.and_then(|before| before.0.get(&ends));
                Some((before.copied(), *self.0.get(&ends)?))
            });
            sum(&spans.collect::<Vec<_>>())
        };
        let server = end(|[own, peer]| [peer, own]);
        Tcp {
            client: end(|ends| ends),
            server: (server.connections > 0).then_some(server),
        }
    }
}

/// Adds up one end of all connections, by their index.
fn sum(spans: &[Option<Span>]) -> TcpEnd {
    let known = || spans.iter().flatten();
    // A count begins again after 2^32.
    let grown = |(before, after): &Span, count: fn(&TcpInfo) -> u32| {
        u64::from(count(after).wrapping_sub(before.as_ref().map_or(0, count)))
    };
    let sum = |count| known().map(|span| grown(span, count)).sum();
    TcpEnd {
        connections: known().count() as u64,
        retransmitted: sum(|info| info.retransmitted),
        spurious: sum(|info| info.spurious),
        segments_out: sum(|info| info.segments_out),
        segments_in: sum(|info| info.segments_in),
        data_segments_out: sum(|info| info.data_segments_out),
        data_segments_in: sum(|info| info.data_segments_in),
        start: state(&known().filter_map(|span| span.0).collect::<Vec<_>>()),
        end: state(&known().map(|span| span.1).collect::<Vec<_>>()),
        retransmitted_by_connection: spans
            .iter()
            .map(|span| Some(grown(span.as_ref()?, |info| info.retransmitted)))
            .collect(),
    }
}

fn state(infos: &[TcpInfo]) -> Option<TcpState> {
    let spread = |figure: fn(&TcpInfo) -> u64| {
        Spread::of(
            &infos
                .iter()
                .map(|info| figure(info) as f64)
                .collect::<Vec<_>>(),
        )
    };
    Some(TcpState {
        rtt_us: spread(|info| info.rtt_us.into())?,
        rtt_variance_us: spread(|info| info.rtt_variance_us.into())?,
        min_rtt_us: spread(|info| info.min_rtt_us.into())?,
        congestion_window: spread(|info| info.congestion_window.into())?,
        delivery_rate: spread(|info| info.delivery_rate)?,
        mss: spread(|info| info.mss.into())?,
        ack_timeout_us: spread(|info| info.ack_timeout_us.into())?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_those_since_the_start() {
        let info = |retransmitted, segments_out, rtt_us| {
            let mut info = TcpInfo::default();
            info.retransmitted = retransmitted;
            info.segments_out = segments_out;
            info.rtt_us = rtt_us;
            info
        };
        let end = sum(&[
            Some((Some(info(1, 10, 5)), info(4, 30, 7))),
            None,
            // Opened later.
            Some((None, info(2, 5, 9))),
            // A count that has begun again.
            Some((Some(info(0, u32::MAX, 5)), info(0, 1, 8))),
        ]);
        assert_eq!(end.connections, 3);
        assert_eq!((end.retransmitted, end.segments_out), (5, 20 + 5 + 2));
        let by_connection = [Some(3), None, Some(2), Some(0)];
        assert_eq!(end.retransmitted_by_connection, by_connection);
        assert_eq!(end.start.map(|state| state.rtt_us.max), Some(5.0));
        assert_eq!(end.end.map(|state| state.rtt_us.median), Some(8.0));
        assert_eq!(sum(&[None]).end, None);
    }
}
