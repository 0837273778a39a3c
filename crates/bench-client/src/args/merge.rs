//! The options of `merge`.

use std::{path::PathBuf, str::FromStr};

use bench_report::Expect;
use clap::{ArgAction, Args};

use super::files::OutputFiles;

/// Merges the saved results of all ranks into those of one run
#[derive(Args, Clone, Debug)]
pub(crate) struct MergeArgs {
    /// Results of the ranks, or merged ones of some of them
    #[arg(value_name = "RANK.json", required = true)]
    pub(crate) ranks: Vec<PathBuf>,

    /// Exit with code 3 unless met: p99<5ms, qps>50k, errors=0, valid;
    /// repeatable
    #[arg(long, value_name = "EXPR", value_parser = Expect::from_str)]
    pub(crate) expect: Vec<Expect>,

    #[command(flatten)]
    pub(crate) files: OutputFiles,

    /// Print help
    #[arg(long, action = ArgAction::Help)]
    help: Option<bool>,
}
