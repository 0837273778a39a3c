//! `--json`: to a file, or with `-` to stdout in place of the text.

use std::path::Path;

use anyhow::Result;
use cli::OutputFile;
use serde::Serialize;

use super::format::{Export, Format};
use crate::results::Results;

pub(super) const FORMAT: Format = Format {
    option: "json",
    help: "Write the results as JSON; - is stdout, in place of the summary",
    create: |path| Ok(Box::new(JsonFile::create(path)?)),
};

/// Whether `path` is stdout: `-`.
#[must_use]
pub fn is_stdout(path: &Path) -> bool {
    path == Path::new("-")
}

/// A file for JSON.
#[derive(Debug)]
pub struct JsonFile(OutputFile);

impl JsonFile {
    /// Creates it.
    ///
    /// # Errors
    ///
    /// One line that names the file.
    pub fn create(path: &Path) -> Result<Self> {
        OutputFile::create(path).map(Self)
    }

    /// Writes `value`, and gives the file its name.
    ///
    /// # Errors
    ///
    /// One line that names the file.
    pub fn write(self, value: &impl Serialize) -> Result<()> {
        let json = serde_json::to_string_pretty(value).map_err(|error| self.0.error(error))?;
        self.0.write(&(json + "\n"))
    }
}

impl Export for JsonFile {
    fn finish(self: Box<Self>, results: &Results) -> Result<()> {
        self.write(results)
    }
}
