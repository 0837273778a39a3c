//! The command line, and how it becomes a [`SessionPlan`].

use anyhow::Result;
use clap::Parser;
use cli::args::{ClientArgs, ClientSettings};

/// Sends the lines that are typed and prints the replies; q, Ctrl-D or Ctrl-C
/// ends
#[derive(Debug, Parser)]
#[command(version, disable_help_flag = true)]
#[command(mut_arg("heartbeat", |arg| arg.default_value("15s")))]
pub(crate) struct ReplArgs {
    /// Show the bytes that go and come: header, payload, checksum
    #[arg(long)]
    wire: bool,

    /// Show the round-trip time of each reply
    #[arg(long)]
    time: bool,

    #[command(flatten)]
    pub(crate) client: ClientArgs,
}

/// What one session does.
#[derive(Debug)]
pub(crate) struct SessionPlan {
    pub(crate) client: ClientSettings,
    /// Maximum length of a line to send, in bytes.
    pub(crate) max_line: usize,
    /// Whether to show the bytes of each message.
    pub(crate) shows_wire: bool,
    /// Whether to show round-trip times.
    pub(crate) shows_time: bool,
}

impl TryFrom<ReplArgs> for SessionPlan {
    type Error = anyhow::Error;

    fn try_from(args: ReplArgs) -> Result<Self> {
        Ok(Self {
            max_line: args.client.max_frame.get() as usize,
            client: args.client.resolve()?,
            shows_wire: args.wire,
            shows_time: args.time,
        })
    }
}
