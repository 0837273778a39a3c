//! The error of a session that a signal ends.

use std::{error, fmt, process::ExitCode};

use signal_hook::low_level;

/// A session that a signal ended before its input did.
#[derive(Debug)]
pub(crate) struct Ended(pub(crate) i32);

impl Ended {
    /// 128 plus the signal's number, as shells report it.
    pub(crate) fn exit_code(&self) -> ExitCode {
        u8::try_from(self.0.saturating_add(128)).map_or(ExitCode::FAILURE, ExitCode::from)
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match low_level::signal_name(self.0) {
            Some(name) => write!(f, "ended by {name}"),
            None => write!(f, "ended by signal {}", self.0),
        }
    }
}

impl error::Error for Ended {}
