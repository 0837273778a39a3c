//! What a format is: how its files are requested, created and written.

use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use anyhow::Result;
use cli::OutputFile;
use hdrhistogram::Histogram;

use crate::results::Results;

/// A format of output files.
#[derive(Debug)]
pub struct Format {
    /// The option that names a file of it, without the dashes.
    pub option: &'static str,
    /// Its text in the help.
    pub help: &'static str,
    /// Creates a file of it.
    pub(super) create: fn(&Path) -> Result<Box<dyn Export>>,
}

/// The file of a run, created before the run begins.
pub trait Export {
    /// The load begins.
    fn started(&mut self, _at: SystemTime) {}

    /// Takes latencies of the results, in nanoseconds: those of the `length` that
    /// begins `start` after the load did.
    fn interval(&mut self, _start: Duration, _length: Duration, _latencies: &Histogram<u64>) {}

    /// Writes the rest, and gives the file its name.
    ///
    /// # Errors
    ///
    /// One line that names the file.
    fn finish(self: Box<Self>, results: &Results) -> Result<()>;
}

/// A file whose text is made of the results, at the end.
pub(super) struct AtEnd {
    file: OutputFile,
    render: fn(&Results) -> serde_json::Result<String>,
}

impl AtEnd {
    pub(super) fn create(
        path: &Path,
        render: fn(&Results) -> serde_json::Result<String>,
    ) -> Result<Box<dyn Export>> {
        let file = OutputFile::create(path)?;
        Ok(Box::new(Self { file, render }))
    }
}

impl Export for AtEnd {
    fn finish(self: Box<Self>, results: &Results) -> Result<()> {
        write(self.file, (self.render)(results))
    }
}

/// Writes all of `text`, if it could be made, and gives the file its name.
pub(super) fn write(file: OutputFile, text: serde_json::Result<String>) -> Result<()> {
    let text = text.map_err(|error| file.error(error))?;
    file.write(&text)
}
