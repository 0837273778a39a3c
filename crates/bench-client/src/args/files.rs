//! An option for each format of files.

use std::path::PathBuf;

use bench_report::export::{FORMATS, Output, is_stdout};
use clap::{Arg, ArgMatches, Args, Command, Error, FromArgMatches, value_parser};

use crate::rank::Rank;

/// The files that were requested.
#[derive(Clone, Debug, Default)]
pub(crate) struct OutputFiles(pub(crate) Vec<Output>);

/// What stands for the rank in a path.
const RANK: &str = "{rank}";

impl OutputFiles {
    /// The files of one rank.
    pub(crate) fn of_rank(&self, rank: Rank) -> Vec<Output> {
        let mut outputs = self.0.clone();
        for Output { path, .. } in &mut outputs {
            if let Some(text) = path.to_str().filter(|text| text.contains(RANK)) {
                *path = text.replace(RANK, &rank.rank().to_string()).into();
            }
        }
        outputs
    }

    /// Ranks that share a folder need a file each.
    pub(crate) fn warn_of_shared(&self, rank: Rank) {
        for Output { format, path } in &self.0 {
            let has_rank = path.to_string_lossy().contains(RANK);
            if rank.ranks() > 1 && !has_rank && !is_stdout(path) {
                tracing::warn!(
                    "--{} has no {RANK}: ranks that share its folder overwrite each other's file",
                    format.option
                );
            }
        }
    }
}

impl Args for OutputFiles {
    fn augment_args(command: Command) -> Command {
        command.args(FORMATS.map(|format| {
            Arg::new(format.option)
                .long(format.option)
                .value_name("FILE")
                .help(format.help)
                .value_parser(value_parser!(PathBuf))
        }))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for OutputFiles {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let output = |format: &'static bench_report::export::Format| {
            let path: &PathBuf = matches.get_one(format.option)?;
            let path = path.clone();
            Some(Output { format, path })
        };
        Ok(Self(FORMATS.into_iter().filter_map(output).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
