//! Counts over all connections.

use crate::{close::CloseCounts, connection::Traffic};

/// Counts over all connections. Consistent at any instant: `accepted` is the
/// sum of `closed`, over all reasons, and `live`.
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
    /// Connections accepted so far, including those refused at once.
    pub accepted: u64,
    /// Connections that ended, by reason.
    pub closed: CloseCounts,
    /// Live connections. One is live until its thread has exited.
    pub live: u64,
    /// Traffic of all of them.
    pub traffic: Traffic,
    /// Frames per second (of raw bytes, reads) as of the last report: one is made
    /// each second while there are connections, and when the server stops.
    pub qps: f64,
}
