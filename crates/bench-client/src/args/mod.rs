//! The command line, and how it becomes a plan.
//!
//! | file | what |
//! | --- | --- |
//! | `capacity` | the options of `capacity` |
//! | `compare` | the options of `compare` |
//! | `files` | an option for each format of files |
//! | `load` | the options of the load |
//! | `merge` | the options of `merge` |
//! | `messages` | the options of the messages |
//! | `network` | the options of connections in the network |
//! | `output` | the options of the results |
//! | `overhead` | the options of `overhead` |
//! | `rank` | the options of a load that several processes share |
//! | `run` | all options of a run, and its plan |
//! | `values` | the parsers of values |

use clap::{Parser, Subcommand};

mod capacity;
mod compare;
mod files;
mod load;
mod merge;
mod messages;
mod network;
mod output;
mod overhead;
mod rank;
mod run;
mod values;

pub(crate) use capacity::{CapacityArgs, CapacityPlan};
pub(crate) use compare::CompareArgs;
pub(crate) use load::{LoadArgs, ShapeArgs};
pub(crate) use merge::MergeArgs;
pub(crate) use messages::MessageArgs;
use output::OutputArgs;
pub(crate) use overhead::OverheadArgs;
use rank::RankArgs;
pub(crate) use run::RunArgs;

/// Measures round trips against an echo server, checks every reply, and says
/// whether the figures can be believed
#[derive(Debug, Parser)]
#[command(
    version,
    disable_help_flag = true,
    args_conflicts_with_subcommands = true
)]
#[command(disable_help_subcommand = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<BenchCommand>,

    #[command(flatten)]
    pub(crate) run: RunArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BenchCommand {
    Capacity(Box<CapacityArgs>),
    Compare(CompareArgs),
    Merge(MergeArgs),
    Overhead(OverheadArgs),
}

impl Args {
    /// How often `-v` was given.
    pub(crate) fn verbose(&self) -> u8 {
        match &self.command {
            Some(BenchCommand::Capacity(args)) => args.client.common.verbose,
            _ => self.run.client.common.verbose,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use clap::{CommandFactory, ValueEnum};

    use super::*;
    use crate::generate::{self, Kind};

    #[test]
    fn the_definitions_are_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn every_option_is_in_the_man_page_and_all_completions() {
        for kind in Kind::value_variants() {
            let text = generate::generate(*kind, Args::command()).unwrap();
            // A man page writes every hyphen as \-.
            let text = String::from_utf8(text).unwrap().replace("\\-", "-");
            let command = Args::command();
            let options: Vec<&str> = command
                .get_arguments()
                .filter_map(|arg| arg.get_long())
                .collect();
            assert!(options.len() > 30);
            for option in options {
                assert!(text.contains(option), "{option} in {kind:?}");
            }
        }
    }
}
