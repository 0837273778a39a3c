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
    /// Address to listen on, as `host:port`; port 0 takes a free one. Ignored
    /// by [`Server::from_listener`](crate::Server::from_listener).
    pub listen: String,
    /// Complete frames, or raw bytes as they arrive.
    pub wire: Wire,
    /// Maximum bytes per read, at least 1; `None`: 64 KiB, or more for a larger
    /// frame.
    pub read_buffer: Option<usize>,
    /// Bytes of echoes to collect per write. Everything from one read is
    /// written before the next read; `None`: in one write.
    pub write_buffer: Option<usize>,
    /// How long a read polls before it sleeps; each connection keeps a CPU busy
    /// meanwhile.
    pub spin: Duration,
    /// Options of each socket.
    pub socket: SocketOptions,
    /// TLS; `None`: plain TCP.
    pub tls: Option<ServerTls>,
    /// Deadlines and limits of a connection.
    pub deadlines: Deadlines,
    /// Maximum connections at once, where 0 refuses all; `None`, or more than
    /// the machine allows: the machine's limit.
    pub max_connections: Option<u64>,
    /// Maximum bytes that all connections hold together: read buffers and TLS
    /// state, without the threads themselves.
    pub max_memory: u64,
    /// How long a stopping server waits for connections to echo received data.
    pub drain: Duration,
    /// Where statistics go every second.
    pub stats: Option<StatsTo>,
    /// Address of the Prometheus endpoint, as `host:port`.
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
