//! Text above the line being edited on a terminal.

use std::{
    sync::mpsc::{self, SyncSender, TrySendError},
    thread,
};

use anyhow::{Context, Result};
use rustyline::ExternalPrinter;

/// Maximum texts that wait. The editor takes one at a time, and none while it waits
/// for the rest of a key's sequence.
const MAX_WAITING: usize = 64;

/// Shows text above the line being edited, on a thread of its own: the editor may
/// block it, and the session must not wait.
pub(crate) struct Printer {
    texts: SyncSender<String>,
    /// Texts dropped since the last one, for lack of room.
    dropped: u64,
}

impl Printer {
    pub(crate) fn start(mut printer: impl ExternalPrinter + Send + 'static) -> Result<Self> {
        let (texts, waiting) = mpsc::sync_channel::<String>(MAX_WAITING);
        let _detached = thread::Builder::new()
            .name("printer".to_owned())
            .spawn(move || {
                for text in waiting {
                    // It fails once the editor is gone.
                    if printer.print(text).is_err() {
                        return;
                    }
                }
            })
            .context("cannot start a thread")?;
        Ok(Self { texts, dropped: 0 })
    }

    /// Shows a line of text, or counts it if too many wait.
    pub(crate) fn print(&mut self, line: &str) {
        let text = match self.dropped {
            0 => format!("{line}\n"),
            n => format!("[{n} not shown]\n{line}\n"),
        };
        self.dropped = match self.texts.try_send(text) {
            Ok(()) => 0,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => self.dropped + 1,
        };
    }
}
