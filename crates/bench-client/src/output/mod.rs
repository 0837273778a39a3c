//! What people read of a run.

use std::{fs::File, io::BufWriter, path::Path};

use anyhow::{Context, Result};

pub(crate) mod generate;
pub(crate) mod hdr_log;
pub(crate) mod histogram;
pub(crate) mod json;
mod latencies;
pub(crate) mod live;
pub(crate) mod page;
pub(crate) mod summary;
pub(crate) mod text;

/// Creates a file to write to.
pub(crate) fn create(path: &Path) -> Result<BufWriter<File>> {
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(BufWriter::new(file))
}
