//! The command line, and how it becomes a [`Plan`].

use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use proto::{Wire, Writer};
use transport::{
    Dialer,
    args::{ClientArgs, parse_count},
    cli::UsageError,
};

/// Sends numbered messages to an echo server and prints the replies
#[derive(Debug, Parser)]
#[command(version, disable_help_flag = true)]
pub(crate) struct Args {
    /// Messages to send
    #[arg(short = 'n', long, value_name = "N", default_value = "10", value_parser = parse_count)]
    count: u64,

    /// Text of each message, behind its number
    #[arg(short, long, value_name = "TEXT", default_value = "Hello World!")]
    message: String,

    /// Send everything first, then print each read as it came
    #[arg(long)]
    no_wait: bool,

    #[command(flatten)]
    pub(crate) client: ClientArgs,
}

/// What one run does.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) server: Dialer,
    pub(crate) timeout: Duration,
    pub(crate) heartbeat: Option<Duration>,
    pub(crate) wire: Wire,
    pub(crate) read_buffer: Option<usize>,
    /// Bytes to collect before a write.
    pub(crate) write_buffer: usize,
    pub(crate) count: u64,
    pub(crate) message: String,
    pub(crate) pace: Pace,
}

/// When the next message is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Once the reply to the last one is there.
    AfterReply,
    /// At once.
    NoWait,
}

impl Plan {
    /// Message `i`, as in the seed: its number on three columns, then the text.
    pub(crate) fn message(&self, i: u64) -> Vec<u8> {
        format!("{i:<3} {}", self.message).into_bytes()
    }
}

impl TryFrom<Args> for Plan {
    type Error = anyhow::Error;

    fn try_from(args: Args) -> Result<Self> {
        let plan = Self {
            wire: args.client.wire()?,
            server: args.client.dialer()?,
            timeout: args.client.timeout,
            read_buffer: args.client.buffers.read_buffer,
            write_buffer: args.client.buffers.write_buffer.unwrap_or(0),
            heartbeat: args.client.heartbeat,
            count: args.count,
            message: args.message,
            pace: if args.no_wait {
                Pace::NoWait
            } else {
                Pace::AfterReply
            },
        };
        // The last message is the longest.
        Writer::new(plan.wire)
            .add(&plan.message(plan.count))
            .map_err(|error| UsageError(format!("--message against --max-frame: {error}")))?;
        Ok(plan)
    }
}
