//! The options of `check`.

use std::time::Duration;

use clap::Args;
use cli::args::{CommonArgs, parse_addr, parse_timeout};

/// Checks what echo servers get wrong, rule by rule
#[derive(Args, Clone, Debug)]
pub(crate) struct CheckArgs {
    /// Server to check, as host:port
    #[arg(short = 'h', long, value_name = "ADDR", default_value = "127.0.0.1:60000", value_parser = parse_addr)]
    pub(super) host: String,

    /// It echoes bare bytes instead of frames
    #[arg(long)]
    pub(super) raw: bool,

    /// Maximum wait for a connection, and for what is due on it
    #[arg(long, value_name = "DUR", default_value = "2s", value_parser = parse_timeout)]
    pub(super) timeout: Duration,

    #[command(flatten)]
    pub(crate) common: CommonArgs,
}
