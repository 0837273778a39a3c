//! `bench-client merge`: the results of all ranks as those of one run.

use anyhow::Result;
use bench_report::{
    export,
    merge::{self, Merged},
};
use cli::UsageError;

use crate::{args::MergeArgs, run::write};

/// Merges files and writes the results as a run does.
///
/// # Errors
///
/// A file that cannot be read or written, failures in a rank, or an expectation
/// that was missed.
pub(crate) fn run(args: &MergeArgs) -> Result<()> {
    let outputs = &args.files.0;
    export::check(outputs).map_err(UsageError)?;
    let mut exports = export::create(outputs)?;
    let merged: Merged = merge::merge(&args.ranks, &args.expect)?;
    merged.show(&mut exports);
    write(&merged.results, outputs, exports)
}
