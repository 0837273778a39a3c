//! Results that were saved.

use std::{fs, path::Path};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::results::SCHEMA;

/// Reads a file of this schema, or a part of what is in it.
///
/// # Errors
///
/// What is wrong with it, in one line that does not name it.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    #[derive(Deserialize)]
    struct Schema {
        schema: Value,
    }
    let bytes = fs::read(path)?;
    // Before the rest, which another schema may have under other names.
    let schema = match serde_json::from_slice(&bytes) {
        Ok(Schema { schema }) => schema,
        Err(error) if error.is_data() => bail!("no schema number"),
        Err(error) => return Err(error).context("not JSON"),
    };
    ensure!(
        schema == SCHEMA,
        "schema {schema}; this program reads schema {SCHEMA}"
    );
    serde_json::from_slice(&bytes).context("not the results of a run")
}

/// The fields of an object that are others in another one, with both values.
pub(crate) fn differing_fields(a: &Value, b: &Value) -> Option<String> {
    // By name, so that no field that is added can be forgotten here.
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

/// Text from a file, which may hold anything, without what drives a terminal.
pub(crate) fn printable(text: &str) -> String {
    proto::Escaped(text.as_bytes()).to_string()
}
