//! The options of the messages.

use clap::Args;
use cli::args::parse_number;

use super::values::parse_share;
use crate::sizes::Sizes;

/// What messages say, and whether replies are verified.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Messages")]
pub(crate) struct MessageArgs {
    /// Payload of each message: 64, any of 64..4k, or one of 64,512,4k
    #[arg(short, long, value_name = "BYTES", default_value = "12", value_parser = Sizes::parse)]
    pub(crate) size: Sizes,

    /// Seed of payloads, sizes and Poisson arrivals
    #[arg(long, value_name = "N", default_value = "1", value_parser = parse_number)]
    pub(crate) seed: u64,

    /// Share of random bytes in a payload, from 0 (compresses best) to 1
    #[arg(long, value_name = "SHARE", default_value = "1", value_parser = parse_share)]
    pub(crate) entropy: f64,

    /// Do not verify reply contents
    #[arg(long)]
    pub(super) no_verify: bool,
}
