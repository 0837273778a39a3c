//! Options of buffers.

use std::time::Duration;

use clap::Args;
use transport::SocketOptions;

use super::values::{parse_buffer, parse_span};

/// How much is read and written at once, and what the sockets are told.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Buffering")]
pub struct BufferArgs {
    /// Most bytes that one read takes [default: 64KiB, and more for a frame
    /// that is larger]
    #[arg(long, value_name = "BYTES", value_parser = parse_buffer)]
    pub read_buffer: Option<usize>,

    /// Bytes to collect before a write; what is there is written at the
    /// latest before waiting for the peer
    #[arg(long, value_name = "BYTES", value_parser = parse_buffer)]
    pub write_buffer: Option<usize>,

    /// The socket's own buffer for sending [default: the system's]
    #[arg(long, value_name = "BYTES", value_parser = parse_buffer)]
    send_buffer: Option<usize>,

    /// The socket's own buffer for receiving [default: the system's]
    #[arg(long, value_name = "BYTES", value_parser = parse_buffer)]
    recv_buffer: Option<usize>,

    /// Poll for input this long before sleeping; a spinning thread needs a CPU of
    /// its own
    #[arg(long, value_name = "DUR", default_value = "0s", value_parser = parse_span)]
    pub spin: Duration,

    /// Let Nagle's algorithm hold small writes back
    #[arg(long)]
    no_nodelay: bool,
}

impl BufferArgs {
    /// What the sockets are told.
    #[must_use]
    pub const fn socket(self) -> SocketOptions {
        SocketOptions {
            send_buffer: self.send_buffer,
            recv_buffer: self.recv_buffer,
            nagle: self.no_nodelay,
        }
    }
}
