//! What a server is told.

use proto::Wire;

/// What a server is told before it starts.
#[derive(Clone, Debug)]
pub struct Config {
    /// Address to listen on, as `host:port`; port 0 takes a free one.
    pub listen: String,
    /// What is echoed: frames once they are whole, or bytes as they come.
    pub wire: Wire,
    /// Most bytes that one read takes, 1 to [`MAX_READ_BUFFER`](Self::MAX_READ_BUFFER).
    pub read_buffer: usize,
}

impl Config {
    /// Largest read buffer, in bytes: as large as the largest frame, since no
    /// socket buffer holds more.
    pub const MAX_READ_BUFFER: usize = proto::MAX_LEN as usize + 1;
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:60000".to_owned(),
            wire: Wire::default(),
            read_buffer: 64 * 1024,
        }
    }
}
