//! Signals that end a session.

use std::{
    error, fmt,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use anyhow::{Context, Result};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag, low_level,
};
use transport::{cli, signals};

/// SIGHUP says that the terminal is gone.
#[cfg(unix)]
const ENDING: [i32; 3] = [SIGINT, SIGTERM, signal_hook::consts::SIGHUP];
#[cfg(not(unix))]
const ENDING: [i32; 2] = [SIGINT, SIGTERM];

/// Which signal has asked for an end.
pub(crate) struct Stop {
    /// Whether another one ends the program at once.
    is_armed: Arc<AtomicBool>,
    /// Its number; zero: none has.
    signal: Arc<AtomicUsize>,
}

impl Stop {
    /// Asks for an end on SIGINT, SIGTERM and SIGHUP, unless they were ignored
    /// at the start.
    pub(crate) fn on_signals() -> Result<Self> {
        let stop = Self {
            is_armed: Arc::default(),
            signal: Arc::default(),
        };
        cli::stop_on_signals(&stop.is_armed)?;
        for signal in ENDING {
            if !signals::is_ignored(signal) {
                let number = usize::try_from(signal)?;
                flag::register_usize(signal, Arc::clone(&stop.signal), number)
                    .context("cannot handle signals")?;
            }
        }
        Ok(stop)
    }

    /// The signal that has asked for an end.
    pub(crate) fn signal(&self) -> Option<i32> {
        let signal = self.signal.load(Ordering::Relaxed);
        i32::try_from(signal).ok().filter(|&signal| signal != 0)
    }

    /// Raises SIGINT for the line editor, which handles it while a line is
    /// edited. At other times the handlers from here do, and nothing comes of
    /// it.
    #[cfg(unix)]
    pub(crate) fn interrupt_editor(&self) {
        self.is_armed.store(false, Ordering::Relaxed);
        // It cannot fail for a signal that is handled.
        let _ = low_level::raise(SIGINT);
    }

    /// Elsewhere the editor cannot be interrupted; the program ends without
    /// it.
    #[cfg(not(unix))]
    #[allow(clippy::unused_self)] // The other one uses it.
    pub(crate) const fn interrupt_editor(&self) {}
}

/// A session that a signal has ended before it was done.
#[derive(Debug)]
pub(crate) struct Ended(pub(crate) i32);

impl Ended {
    /// As shells show the end by a signal.
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
