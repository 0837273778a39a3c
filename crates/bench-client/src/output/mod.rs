//! What people and programs read of a run.

use std::time::{Duration, SystemTime};

use anyhow::Result;

use crate::{load::Measured, plan::Output, results::Results};

pub(crate) mod file;
pub(crate) mod generate;
mod hdr_log;
mod histogram;
pub(crate) mod json;
mod latencies;
pub(crate) mod live;
mod page;
pub(crate) mod summary;
pub(crate) mod text;

/// A file that a run is written to, created before it begins.
pub(crate) trait Export {
    /// The load begins.
    fn started(&mut self, _at: SystemTime) {}

    /// These messages are in the results: those of `length`, from `start` after
    /// the load began on.
    fn interval(&mut self, _start: Duration, _length: Duration, _measured: &Measured) {}

    /// Writes the rest.
    ///
    /// # Errors
    ///
    /// One line that names the file.
    fn finish(self: Box<Self>, results: &Results) -> Result<()>;
}

/// Creates all files: what cannot be written is better known before the run.
///
/// # Errors
///
/// One line that names the file.
pub(crate) fn create(output: &Output) -> Result<Vec<Box<dyn Export>>> {
    let mut exports: Vec<Box<dyn Export>> = Vec::new();
    if let Some(path) = output.json.as_deref().filter(|path| !json::is_stdout(path)) {
        exports.push(Box::new(json::JsonFile::create(path)?));
    }
    if let Some(path) = &output.hdr {
        exports.push(Box::new(hdr_log::HdrLog::create(path)?));
    }
    if let Some(path) = &output.report {
        exports.push(Box::new(page::PageFile::create(path)?));
    }
    Ok(exports)
}
