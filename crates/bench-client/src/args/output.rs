//! The options of the results.

use std::str::FromStr;

use bench_report::Expect;
use clap::Args;

use super::files::OutputFiles;
use crate::generate::Kind;

/// What the results have to meet, and where they go.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Results")]
pub(super) struct OutputArgs {
    /// Exit with code 3 unless met: p99<5ms, qps>50k, errors=0, valid;
    /// repeatable
    #[arg(long, value_name = "EXPR", value_parser = Expect::from_str)]
    pub(super) expect: Vec<Expect>,

    #[command(flatten)]
    pub(super) files: OutputFiles,

    /// Skip the noise-floor measurement
    #[arg(long)]
    pub(super) no_noise_floor: bool,

    /// Print the man page or a shell's completions and exit
    #[arg(long, value_name = "WHAT", exclusive = true)]
    pub(super) generate: Option<Kind>,
}
