//! What a server is told.

use std::time::Duration;

use proto::Wire;
use transport::{ServerTls, SocketOptions};

/// What a server is told before it starts.
#[derive(Clone, Debug)]
pub struct Config {
    /// Address to listen on, as `host:port`; port 0 takes a free one.
    pub listen: String,
    /// What is echoed: frames once they are whole, or bytes as they come.
    pub wire: Wire,
    /// Most bytes that one read takes; at least 1.
    pub read_buffer: usize,
    /// Bytes of echoes to collect before a write. All that a read brought is
    /// written before the next read; `None`: in one write.
    pub write_buffer: Option<usize>,
    /// How each socket is set up.
    pub socket: SocketOptions,
    /// How connections are encrypted.
    pub tls: ServerTls,
    /// Longest time from accepting a connection to the end of its TLS
    /// handshake; the connection is closed within a second of it.
    pub handshake_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:60000".to_owned(),
            wire: Wire::default(),
            read_buffer: 64 * 1024,
            write_buffer: None,
            socket: SocketOptions::default(),
            tls: ServerTls::default(),
            handshake_timeout: Duration::from_secs(10),
        }
    }
}
