//! Systems without sock_diag do not say what their kernel sees.

use std::{collections::HashMap, net::SocketAddr};

use bench_report::results::TcpInfo;

pub(crate) type Ends = [SocketAddr; 2];

pub(crate) fn dump(_: u16, _: u16) -> Option<HashMap<Ends, TcpInfo>> {
    None
}

pub(crate) fn find(_: Ends) -> Option<TcpInfo> {
    None
}

pub(crate) fn key(ends: Ends) -> Ends {
    ends
}
