//! What a server is told.

use proto::Wire;
use transport::SocketOptions;

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
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:60000".to_owned(),
            wire: Wire::default(),
            read_buffer: 64 * 1024,
            write_buffer: None,
            socket: SocketOptions::default(),
        }
    }
}
