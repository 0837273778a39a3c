//! `--json`: to a file, or with `-` to stdout in place of the text.

use std::{io::Write, path::Path};

use anyhow::Result;
use serde::Serialize;
use transport::cli;

use super::{Export, file::OutputFile};
use crate::results::Results;

/// Whether `path` is stdout.
pub(crate) fn is_stdout(path: &Path) -> bool {
    path == Path::new("-")
}

/// A file for JSON.
pub(crate) struct JsonFile(OutputFile);

impl JsonFile {
    pub(crate) fn create(path: &Path) -> Result<Self> {
        OutputFile::create(path).map(Self)
    }

    pub(crate) fn write(mut self, value: &impl Serialize) -> Result<()> {
        serde_json::to_writer_pretty(&mut self.0, value).map_err(|error| self.0.error(error))?;
        self.0
            .write_all(b"\n")
            .map_err(|error| self.0.error(error))?;
        self.0.finish()
    }
}

impl Export for JsonFile {
    fn finish(self: Box<Self>, results: &Results) -> Result<()> {
        self.write(results)
    }
}

/// Prints `value` on stdout.
pub(crate) fn print(value: &impl Serialize) -> Result<()> {
    cli::print(serde_json::to_string(value)?)
}
