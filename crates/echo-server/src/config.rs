//! A server's configuration.

use std::time::Duration;

use proto::Wire;
use transport::{ServerTls, SocketOptions};

use crate::{Deadlines, StatsTo};

/// A server's configuration.
///
/// # Examples
///
/// ```
/// use echo_server::{
///     Config,
///     proto::{Framing, MaxFrame, Wire},
///     transport::ServerTls,
/// };
///
/// let mut config = Config::default();
/// config.listen = "127.0.0.1:0".into();
/// config.wire = Wire::Framed(Framing {
///     max_frame: MaxFrame::new(64 << 10)?,
///     ..Framing::default()
/// });
/// config.deadlines.max_bytes = Some(1 << 30);
/// let (tls, certificate) = ServerTls::self_signed(&config.listen)?;
/// config.tls = Some(tls);
/// println!("pin this: {}", certificate.fingerprint);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Address to listen on, as `host:port`; port 0 takes a free one. Of no use
    /// to a [server from a listener](crate::Server::from_listener).
    pub listen: String,
    /// What is echoed: frames once they are whole, or bytes as they come.
    pub wire: Wire,
    /// Most bytes that one read takes, at least 1; `None`: 64 KiB, and more
    /// for a frame that is larger.
    pub read_buffer: Option<usize>,
    /// Bytes of echoes to collect before a write. All that a read brought is
    /// written before the next read; `None`: in one write.
    pub write_buffer: Option<usize>,
    /// How long a read polls before it sleeps; each connection then keeps a CPU
    /// busy that long.
    pub spin: Duration,
    /// How each socket is set up.
    pub socket: SocketOptions,
    /// How connections are encrypted; `None`: they are not.
    pub tls: Option<ServerTls>,
    /// How long a connection may take for what.
    pub deadlines: Deadlines,
    /// Most connections at once; `None`, or more than the machine allows: as
    /// many as the machine allows.
    pub max_connections: Option<u64>,
    /// Maximum bytes that peers can make all connections hold together: read
    /// buffers and what TLS has, without the threads themselves.
    pub max_memory: u64,
    /// How long a stopping server lets connections finish what has arrived.
    pub drain: Duration,
    /// Where the statistics go every second.
    pub stats: Option<StatsTo>,
    /// Address to answer Prometheus on, as `host:port`.
    pub metrics: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:60000".to_owned(),
            wire: Wire::default(),
            read_buffer: None,
            write_buffer: None,
            spin: Duration::ZERO,
            socket: SocketOptions::default(),
            tls: None,
            deadlines: Deadlines::default(),
            max_connections: None,
            max_memory: 1 << 30,
            drain: Duration::from_secs(5),
            stats: None,
            metrics: None,
        }
    }
}
