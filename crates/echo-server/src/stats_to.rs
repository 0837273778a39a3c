//! Where statistics go.

use std::{fmt, path::PathBuf};

/// Where statistics go.
///
/// # Examples
///
/// ```
/// use echo_server::{Config, StatsTo};
///
/// let mut config = Config::default();
/// config.stats = Some(StatsTo::File("stats.jsonl".into()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StatsTo {
    /// To standard output.
    Stdout,
    /// To the end of a file, or to a FIFO that has a reader.
    File(PathBuf),
}

impl fmt::Display for StatsTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => f.write_str("stdout"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}
