//! Options of several programs, and the parsers of their values.
//!
//! A new option for all clients is one of [`ClientArgs`] and, resolved, of
//! [`ClientSettings`].

use clap::{ArgAction, Args};

mod buffers;
mod client;
mod tls;
mod values;

pub use buffers::BufferArgs;
pub use client::{ClientArgs, ClientSettings};
pub use tls::{ClientTlsArgs, ServerTlsArgs};
pub use values::{
    MAX_DURATION, parse_addr, parse_count, parse_max_frame, parse_size, parse_span, parse_timeout,
};

/// What every program has.
#[derive(Args, Clone, Copy, Debug)]
pub struct CommonArgs {
    /// Log more (-v messages, -vv more); `RUST_LOG` overrides
    #[arg(short, long, action = ArgAction::Count, help_heading = None)]
    pub verbose: u8,

    /// Print help
    #[arg(long, action = ArgAction::Help, help_heading = None)]
    help: Option<bool>,
}
