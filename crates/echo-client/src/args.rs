//! The command line, and how it becomes a [`SendPlan`].

use anyhow::Result;
use clap::{Parser, Subcommand};
use cli::{
    UsageError,
    args::{ClientArgs, ClientSettings, parse_count},
};
use proto::Writer;

use crate::{check::CheckArgs, lab::args::LabArgs};

/// Sends numbered messages to an echo server and prints the replies
#[derive(Debug, Parser)]
#[command(
    version,
    disable_help_flag = true,
    args_conflicts_with_subcommands = true
)]
#[command(disable_help_subcommand = true)]
pub(crate) struct EchoArgs {
    #[command(subcommand)]
    pub(crate) command: Option<EchoCommand>,

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

#[derive(Debug, Subcommand)]
pub(crate) enum EchoCommand {
    Check(CheckArgs),
    Lab(LabArgs),
}

impl EchoArgs {
    /// How often `-v` was given.
    pub(crate) const fn verbose(&self) -> u8 {
        match &self.command {
            Some(EchoCommand::Check(args)) => args.common.verbose,
            Some(EchoCommand::Lab(_)) | None => self.client.common.verbose,
        }
    }
}

/// Which messages are sent, where, and when.
#[derive(Debug)]
pub(crate) struct SendPlan {
    pub(crate) client: ClientSettings,
    pub(crate) count: u64,
    pub(crate) message: String,
    pub(crate) mode: SendMode,
}

/// When the next message is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SendMode {
    /// Once the reply to the last one is there.
    AfterReply,
    /// At once.
    NoWait,
}

impl SendPlan {
    /// Message `i`, as in the seed: its number on three columns, then the text.
    pub(crate) fn message(&self, i: u64) -> Vec<u8> {
        format!("{i:<3} {}", self.message).into_bytes()
    }
}

impl TryFrom<EchoArgs> for SendPlan {
    type Error = anyhow::Error;

    fn try_from(args: EchoArgs) -> Result<Self> {
        let plan = Self {
            client: args.client.resolve()?,
            count: args.count,
            message: args.message,
            mode: if args.no_wait {
                SendMode::NoWait
            } else {
                SendMode::AfterReply
            },
        };
        // The last message is the longest.
        Writer::new(plan.client.wire)
            .add(&plan.message(plan.count))
            .map_err(|error| UsageError(format!("--message against --max-frame: {error}")))?;
        Ok(plan)
    }
}
