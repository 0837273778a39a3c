//! Results read back from files.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use cli::PatientFile;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::results::SCHEMA;

mod possible;

use possible::Possible;

/// The longest file that is read: some times what merged results of all connections
/// that there can be take.
const MAX_LENGTH: u64 = 1 << 30;

/// A file of results that can be read more than once, even if it is a pipe.
#[derive(Debug)]
pub(crate) struct SavedFile<'a> {
    path: &'a Path,
    /// What a pipe held: it can be read only once.
    kept: Option<Vec<u8>>,
}

impl<'a> SavedFile<'a> {
    pub(crate) const fn new(path: &'a Path) -> Self {
        Self { path, kept: None }
    }

    pub(crate) const fn path(&self) -> &'a Path {
        self.path
    }

    /// Reads a file of this schema, or some of its fields.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in one line that does not name the file.
    pub(crate) fn read<T: DeserializeOwned>(&mut self) -> Result<T> {
        if let Some(bytes) = &self.kept {
            return parse(bytes);
        }
        let file = PatientFile::open(self.path)?;
        let is_pipe = file.is_pipe();
        let bytes = file.read_all(MAX_LENGTH)?;
        let parsed = parse(&bytes)?;
        self.kept = is_pipe.then_some(bytes);
        Ok(parsed)
    }
}

/// What was [read](SavedFile::read).
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    #[derive(Deserialize)]
    struct Schema {
        schema: Value,
    }
    // Before the rest: another schema may have other fields.
    let schema = match serde_json::from_slice(bytes) {
        Ok(Schema { schema }) => schema,
        Err(error) if error.is_data() => bail!("no schema number"),
        Err(error) => return Err(error).context("not JSON"),
    };
    ensure!(
        schema == SCHEMA,
        "schema {schema}; this program reads schema {SCHEMA}"
    );
    let checked = serde_json::from_slice(bytes).map(|Possible| ());
    checked
        .and_then(|()| serde_json::from_slice(bytes))
        .context("not the results of a run")
}

/// The fields that differ between two objects, with both values.
pub(crate) fn differing_fields(a: &Value, b: &Value) -> Option<String> {
    // By name, so that a new field cannot be forgotten here.
    let differing: Vec<String> = a
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| {
            let other = b.get(name)?;
            (other != value).then(|| format!("{name} {value} and {other}"))
        })
        .collect();
    (!differing.is_empty()).then(|| printable(&differing.join(", ")))
}

/// Text from a file with control characters escaped, as it may hold anything.
pub(crate) fn printable(text: &str) -> String {
    proto::Escaped(text.as_bytes()).to_string()
}
