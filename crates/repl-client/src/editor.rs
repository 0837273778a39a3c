//! The line editor of a terminal.

use std::io;

use anyhow::{Result, anyhow, bail};
use rustyline::{
    Config, Editor,
    error::{ReadlineError, Signal},
    history::MemHistory,
};

use cli::signals;
use signal_hook::consts::SIGINT;

use crate::{lines::Line, printer::Printer, queue::EventQueue, terminal};

pub(crate) const PROMPT: &str = ">>> ";

pub(crate) struct LineEditor {
    editor: Editor<(), MemHistory>,
    /// Whether SIGINT was ignored when the program started, and has no effect. The
    /// editor handles it nevertheless, and reports it as it does Ctrl-C.
    ignores_interrupts: bool,
}

impl LineEditor {
    /// The editor and the printer of text above its line; `None` for a terminal that
    /// cannot move its cursor, as far as it says.
    pub(crate) fn new() -> Result<Option<(Self, Printer)>> {
        if !terminal::has_cursor() {
            return Ok(None);
        }
        let config = Config::builder().auto_add_history(true).build();
        let history = MemHistory::with_config(&config);
        let mut editor = Editor::with_history(config, history)
            .map_err(|error| anyhow!("cannot set up the terminal: {error}"))?;
        // The library has none for the terminals that it lists as unsupported. As
        // long as there is one, the editor waits for signals as well as for keys.
        let Ok(printer) = editor.create_external_printer() else {
            return Ok(None);
        };
        terminal::leave_stopping_to_the_editor();
        let editor = Self {
            editor,
            ignores_interrupts: signals::is_ignored(SIGINT),
        };
        Ok(Some((editor, Printer::start(printer)?)))
    }

    /// Reads one line; `None` when the user ends the input, or the session has closed
    /// `queue`.
    pub(crate) fn read(&mut self, queue: &EventQueue) -> Result<Option<Line>> {
        terminal::take_over_stopping();
        loop {
            return match self.editor.readline(PROMPT) {
                Ok(line) => Ok(Some(Line::Whole(line.into_bytes()))),
                // The window changed its size while a line was edited.
                Err(ReadlineError::Signal(Signal::Resize)) => continue,
                // Other systems have no such signal.
                #[cfg(unix)]
                Err(ReadlineError::Signal(Signal::Interrupt)) => Ok(None),
                Err(ReadlineError::Interrupted)
                    if self.ignores_interrupts && !queue.is_closed() =>
                {
                    continue;
                }
                Err(ReadlineError::Eof | ReadlineError::Interrupted) => Ok(None),
                Err(ReadlineError::Io(error)) if error.kind() == io::ErrorKind::InvalidData => {
                    Ok(Some(Line::NotUtf8))
                }
                // Its text includes that of its source.
                Err(error) => bail!("cannot read from the terminal: {error}"),
            };
        }
    }
}
