//! `--json`: to a file, or with `-` to stdout in place of the text.

use std::path::Path;

use anyhow::Result;
use cli::OutputFile;
use serde::Serialize;

use super::format::{AtEnd, Format, write};

pub(super) const FORMAT: Format = Format {
    option: "json",
    help: "Write the results as JSON; - is stdout, in place of the summary",
    create: |path| AtEnd::create(path, json),
};

/// Whether `path` is stdout: `-`.
#[must_use]
pub fn is_stdout(path: &Path) -> bool {
    path == Path::new("-")
}

/// Writes `value` as JSON, and gives the file its name.
///
/// # Errors
///
/// One line that names the file.
pub fn write_json(file: OutputFile, value: &impl Serialize) -> Result<()> {
    write(file, json(value))
}

fn json(value: &impl Serialize) -> serde_json::Result<String> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}
