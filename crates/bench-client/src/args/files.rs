//! An option for each format of files.

use std::path::PathBuf;

use bench_report::export::{FORMATS, Output};
use clap::{Arg, ArgMatches, Args, Command, Error, FromArgMatches, value_parser};

/// The files that were requested.
#[derive(Clone, Debug, Default)]
pub(crate) struct OutputFiles(pub(crate) Vec<Output>);

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
