//! Options of several programs, and parsers of their values.
//!
//! To add an option for all clients, add it to [`ClientArgs`] and, resolved, to
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
    MAX_DURATION, parse_addr, parse_count, parse_max_frame, parse_number, parse_size, parse_span,
    parse_timeout,
};

/// Options of all programs.
#[derive(Args, Clone, Copy, Debug)]
pub struct CommonArgs {
    /// How often `-v` is given.
    // The help shows no Markdown.
    #[arg(short, long, action = ArgAction::Count, help_heading = None)]
    #[arg(help = "Log more (-v messages, -vv more); RUST_LOG overrides")]
    pub verbose: u8,

    /// Print help
    #[arg(long, action = ArgAction::Help, help_heading = None)]
    help: Option<bool>,
}
