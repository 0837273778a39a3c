//! The options of `overhead`.

use std::{path::PathBuf, time::Duration};

use clap::{ArgAction, Args};
use cli::{
    UsageError,
    args::{parse_count, parse_number, parse_span, parse_timeout},
};

use super::{
    RankArgs,
    values::{parse_pipeline, parse_share},
};
use crate::sizes::Sizes;

/// Measures what checksums, compression, encryption, heartbeats, buffers and
/// Nagle's algorithm cost, each alone, against a server in this process
#[derive(Args, Clone, Debug)]
pub(crate) struct OverheadArgs {
    /// Runs of each row; at least 4 to tell a cost from noise
    #[arg(long, value_name = "N", default_value = "5", value_parser = parse_count)]
    pub(crate) repeats: u64,

    /// Measure for this long in each run
    #[arg(short, long, value_name = "DUR", default_value = "1s", value_parser = parse_timeout)]
    pub(crate) duration: Duration,

    /// Warm up each run for this long; excluded from every figure
    #[arg(long, value_name = "DUR", default_value = "200ms", value_parser = parse_span)]
    pub(crate) warmup: Duration,

    /// Connections, each with its own thread
    #[arg(short, long, value_name = "N", default_value = "10", value_parser = parse_count)]
    pub(crate) connections: u64,

    /// Messages in flight on each connection; with 1 there is nothing to
    /// collect or to hold back
    #[arg(long, value_name = "N", default_value = "1", value_parser = parse_pipeline)]
    pub(crate) pipeline: u64,

    /// Payload of each message: 64, any of 64..4k, or one of 64,512,4k
    #[arg(short, long, value_name = "BYTES", default_value = "1k", value_parser = Sizes::parse)]
    pub(crate) size: Sizes,

    /// Share of random bytes in a payload, from 0 (compresses best) to 1
    #[arg(long, value_name = "SHARE", default_value = "0.5", value_parser = parse_share)]
    pub(crate) entropy: f64,

    /// Seed of payloads and sizes
    #[arg(long, value_name = "N", default_value = "1", value_parser = parse_number)]
    pub(crate) seed: u64,

    /// Write runs and rows as JSON; - is stdout, in place of the table
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,

    /// Print help
    #[arg(long, action = ArgAction::Help)]
    help: Option<bool>,
}

impl OverheadArgs {
    /// Checks that only one process measures at a time.
    ///
    /// # Errors
    ///
    /// A launcher of several, in one line.
    pub(crate) fn check_once() -> Result<(), UsageError> {
        RankArgs::check_once("overhead")
    }
}
