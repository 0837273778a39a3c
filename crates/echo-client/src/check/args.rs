//! The options of `check`.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use cli::args::{CommonArgs, parse_addr, parse_max_frame, parse_timeout};
use proto::MaxFrame;

/// Checks a server by what echo servers get wrong, rule by rule
#[derive(Args, Clone, Debug)]
pub(crate) struct CheckArgs {
    /// Server to check, as host:port
    #[arg(short = 'h', long, value_name = "ADDR", default_value = "127.0.0.1:60000", value_parser = parse_addr)]
    pub(super) host: String,

    /// Send and expect raw bytes instead of frames
    #[arg(long)]
    pub(super) raw: bool,

    /// Maximum wait for a connection, and for the next bytes that are due on it
    #[arg(long, value_name = "DUR", default_value = "2s", value_parser = parse_timeout)]
    pub(super) timeout: Duration,

    /// Largest frame to send
    #[arg(long, value_name = "BYTES", default_value = "65537", value_parser = parse_max_frame)]
    pub(super) max_frame: MaxFrame,

    /// Write what was found as JSON; - is stdout, in place of the table
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) common: CommonArgs,
}
