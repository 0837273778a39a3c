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
    #[command(flatten)]
    pub(crate) client: ClientArgs,
}

/// What one session does.
#[derive(Debug)]
pub(crate) struct SessionPlan {
    pub(crate) client: ClientSettings,
    /// Maximum length of a line to send, in bytes.
    pub(crate) max_line: usize,
}

impl TryFrom<ReplArgs> for SessionPlan {
    type Error = anyhow::Error;

    fn try_from(ReplArgs { client }: ReplArgs) -> Result<Self> {
        Ok(Self {
            max_line: client.max_frame.get() as usize,
            client: client.resolve()?,
        })
    }
}
