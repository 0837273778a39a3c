//! Buffer options.

use std::time::Duration;

use clap::Args;
use transport::SocketOptions;

use super::values::{parse_buffer, parse_span};

/// Bytes per read and write, and socket options.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Buffering")]
pub struct BufferArgs {
    /// Maximum bytes per read [default: 64KiB, or more for a larger frame]
    #[arg(long, value_name = "BYTES", value_parser = parse_buffer)]
    pub read_buffer: Option<usize>,

    /// Collect this many bytes before a write; fewer are written before waiting
    /// for the peer
    #[arg(long, value_name = "BYTES", value_parser = parse_buffer)]
    pub write_buffer: Option<usize>,

    /// Send buffer of the socket [default: the system's]
    #[arg(long, value_name = "BYTES", value_parser = parse_buffer)]
    send_buffer: Option<usize>,

    /// Receive buffer of the socket [default: the system's]
    #[arg(long, value_name = "BYTES", value_parser = parse_buffer)]
    recv_buffer: Option<usize>,

    /// Poll for input for this long before sleeping; each spinning thread needs a
    /// CPU of its own
    #[arg(long, value_name = "DUR", default_value = "0s", value_parser = parse_span)]
    pub spin: Duration,

    /// Let Nagle's algorithm delay small writes
    #[arg(long)]
    no_nodelay: bool,
}

impl BufferArgs {
    /// The socket options.
    #[must_use]
    pub fn socket(self) -> SocketOptions {
        let mut options = SocketOptions::default();
        options.send_buffer = self.send_buffer;
        options.recv_buffer = self.recv_buffer;
        options.nagle = self.no_nodelay;
        options
    }
}
