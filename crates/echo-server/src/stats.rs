//! What became of all connections.

use crate::{close::CloseCounts, connection::Traffic};

/// What became of all connections. Exact at any instant: as many were
/// accepted as have ended, for whatever reason, or are alive.
///
/// # Examples
///
/// ```
/// use echo_server::{Config, Server};
///
/// let mut config = Config::default();
/// config.listen = "127.0.0.1:0".into();
/// let stats = Server::bind(&config)?.handle().stats();
/// assert_eq!(stats.accepted, stats.closed.total() + stats.live);
/// # Ok::<(), echo_server::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// Connections accepted so far, those that were closed at once included.
    pub accepted: u64,
    /// Those that ended, by reason.
    pub closed: CloseCounts,
    /// Those that are alive. One whose thread the system still has is.
    pub live: u64,
    /// What all of them echoed.
    pub traffic: Traffic,
    /// Frames echoed in the last whole second; of bare bytes, reads.
    pub qps: f64,
}
