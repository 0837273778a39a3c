//! TCP connections as the kernel sees them, in the results' terms.

use std::collections::HashMap;

use bench_report::results::TcpInfo;
use transport::sock_diag;
pub(crate) use transport::sock_diag::{Ends, key};

/// See [`sock_diag::dump`].
pub(crate) fn dump(own_port: u16, peer_port: u16) -> Option<HashMap<Ends, TcpInfo>> {
    let connections = sock_diag::dump(own_port, peer_port)?.into_iter();
    Some(
        connections
            .map(|(ends, info)| (ends, results(info)))
            .collect(),
    )
}

/// See [`sock_diag::find`].
pub(crate) fn find(ends: Ends) -> Option<TcpInfo> {
    sock_diag::find(ends).map(results)
}

fn results(info: transport::TcpInfo) -> TcpInfo {
    TcpInfo {
        retransmitted: info.retransmitted,
        spurious: info.spurious,
        segments_out: info.segments_out,
        segments_in: info.segments_in,
        data_segments_out: info.data_segments_out,
        data_segments_in: info.data_segments_in,
        rtt_us: info.rtt_us,
        rtt_variance_us: info.rtt_variance_us,
        min_rtt_us: info.min_rtt_us,
        congestion_window: info.congestion_window,
        delivery_rate: info.delivery_rate,
        mss: info.mss,
        ack_timeout_us: info.ack_timeout_us,
        since_sent_ms: info.since_sent_ms,
        since_received_ms: info.since_received_ms,
    }
}
