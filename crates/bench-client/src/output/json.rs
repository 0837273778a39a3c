//! `--json`: to a file, or with `-` to stdout in place of the text.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
};

use anyhow::{Context, Result};
use serde::Serialize;
use transport::cli;

/// Whether `path` is stdout.
pub(crate) fn is_stdout(path: Option<&Path>) -> bool {
    path == Some(Path::new("-"))
}

/// Creates the file, if `path` is one.
pub(crate) fn create(path: Option<&Path>) -> Result<Option<BufWriter<File>>> {
    path.filter(|path| !is_stdout(Some(path)))
        .map(super::create)
        .transpose()
}

pub(crate) fn write(mut file: BufWriter<File>, value: &impl Serialize) -> Result<()> {
    serde_json::to_writer_pretty(&mut file, value).context("cannot write the JSON")?;
    file.write_all(b"\n")
        .and_then(|()| file.flush())
        .context("cannot write the JSON")
}

pub(crate) fn print(value: &impl Serialize) -> Result<()> {
    cli::print(serde_json::to_string(value)?)
}
