//! Files that a run is written to.
//!
//! A new format is a file here and a line in [`FORMATS`].

use std::path::PathBuf;

use anyhow::Result;

mod format;
mod hdr_log;
mod json;
mod page;

pub use cli::OutputFile;
pub use format::{Export, Format};
pub use json::{is_stdout, write_json};
pub use page::write_page;

/// All formats, in the order of the help.
pub const FORMATS: [&Format; 3] = [&json::FORMAT, &hdr_log::FORMAT, &page::FORMAT];

/// A file that was requested.
#[derive(Clone, Debug)]
pub struct Output {
    /// Its format.
    pub format: &'static Format,
    /// `-` is stdout, for JSON only: in place of the summary.
    pub path: PathBuf,
}

impl Output {
    /// Whether it goes to stdout.
    #[must_use]
    pub fn is_stdout(&self) -> bool {
        is_stdout(&self.path)
    }
}

/// Checks that no two outputs share a file.
///
/// # Errors
///
/// The options that do, in one line.
pub fn check(outputs: &[Output]) -> Result<(), String> {
    let mut taken: Vec<(&str, PathBuf)> = Vec::new();
    for Output { format, path } in outputs {
        let option = format.option;
        if is_stdout(path) {
            if option != json::FORMAT.option {
                return Err(format!(
                    "--{option}: - stands for stdout with --json only: expected a file"
                ));
            }
            continue;
        }
        // One that cannot be resolved cannot be created either, which reports it.
        let place = cli::output_file::resolve(path).unwrap_or_else(|_| path.clone());
        if let Some((other, _)) = taken.iter().find(|(_, other)| *other == place) {
            let path = path.display();
            return Err(format!(
                "--{other} and --{option} both name {path}: expected a file for each"
            ));
        }
        taken.push((option, place));
    }
    Ok(())
}

/// Creates all files, so that one that cannot be written is reported before the run.
///
/// # Errors
///
/// One line that names the file.
pub fn create(outputs: &[Output]) -> Result<Vec<Box<dyn Export>>> {
    let files = outputs.iter().filter(|output| !output.is_stdout());
    files
        .map(|output| (output.format.create)(&output.path))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_outputs_share_a_file() {
        let check = |paths: [&str; 3]| {
            let outputs = FORMATS.into_iter().zip(paths);
            let outputs = outputs.filter(|(_, path)| !path.is_empty());
            let outputs = outputs.map(|(format, path)| Output {
                format,
                path: path.into(),
            });
            check(&outputs.collect::<Vec<_>>())
        };
        for paths in [
            ["a", "b", "c"],
            ["-", "b", "c"],
            ["", "", ""],
            ["a", "", ""],
        ] {
            assert_eq!(check(paths), Ok(()));
        }
        for (paths, expected) in [
            (["a", "a", ""], "--json and --hdr both name a"),
            (["a", "b", "./a"], "--json and --report both name ./a"),
            (["", "-", ""], "--hdr: - stands for stdout"),
            (["-", "", "-"], "--report: - stands for stdout"),
        ] {
            let error = check(paths).err().unwrap_or_default();
            assert!(error.contains(expected), "{error}");
        }
    }
}
