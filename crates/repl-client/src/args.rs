//! The command line, and how it becomes a [`Plan`].

use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use proto::Wire;
use transport::{Dialer, args::ClientArgs};

/// Sends the lines that are typed and prints the replies; q, Ctrl-D or Ctrl-C
/// ends
#[derive(Debug, Parser)]
#[command(version, disable_help_flag = true)]
#[command(mut_arg("heartbeat", |arg| arg.default_value("15s")))]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) client: ClientArgs,
}

/// What one session does.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) server: Dialer,
    pub(crate) timeout: Duration,
    pub(crate) heartbeat: Option<Duration>,
    pub(crate) wire: Wire,
    pub(crate) read_buffer: Option<usize>,
    /// Longest line to send, in bytes.
    pub(crate) max_line: usize,
}

impl TryFrom<Args> for Plan {
    type Error = anyhow::Error;

    fn try_from(Args { client }: Args) -> Result<Self> {
        Ok(Self {
            wire: client.wire()?,
            server: client.dialer()?,
            timeout: client.timeout,
            read_buffer: client.buffers.read_buffer,
            max_line: usize::try_from(client.max_frame).unwrap_or(usize::MAX),
            // Bare bytes have no heartbeat, not even by default.
            heartbeat: client.heartbeat.filter(|_| !client.raw),
        })
    }
}
