//! `bench-client merge`: the results of all ranks as those of one run.

use std::{fs, path::PathBuf};

use anyhow::Result;
use bench_report::{
    export::{self, is_stdout},
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
    export::check(outputs)
        .and_then(|()| check_inputs(args))
        .map_err(UsageError)?;
    let mut exports = export::create(outputs)?;
    let merged: Merged = merge::merge(&args.ranks, &args.expect)?;
    merged.show(&mut exports);
    write(&merged.results, outputs, exports)
}

/// Checks that what is read are files that stay as they are.
fn check_inputs(args: &MergeArgs) -> Result<(), String> {
    if args.ranks.iter().any(|path| is_stdout(path)) {
        return Err("- is not a file to merge: expected files, such as /dev/stdin".to_owned());
    }
    let files = args.files.0.iter().filter(|output| !output.is_stdout());
    for output in files {
        // One that does not exist is none of those to merge.
        let Ok(place) = fs::canonicalize(&output.path) else {
            continue;
        };
        let is_same = |path: &&PathBuf| fs::canonicalize(path).is_ok_and(|path| path == place);
        if let Some(path) = args.ranks.iter().find(is_same) {
            let (option, path) = (output.format.option, path.display());
            return Err(format!(
                "--{option}: {path} is to be merged: expected another file"
            ));
        }
    }
    Ok(())
}
