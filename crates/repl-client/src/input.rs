//! The user's side of a session: a line editor on a terminal, else plain
//! lines.

use std::{
    io::{self, BufReader, IsTerminal},
    sync::{
        Arc,
        mpsc::{self, Receiver, Sender},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context, Error, Result};
use rustyline::{Config, Editor, error::ReadlineError, history::MemHistory};

use transport::stdio::Patient;

use crate::{
    lines::{Line, Lines},
    queue::{Event, Queue},
};

const PROMPT: &str = ">>> ";

/// How long the line editor may take to give the terminal back.
const RESTORE: Duration = Duration::from_secs(1);

pub(crate) struct Input {
    /// One message for each line wanted; dropped, the thread ends.
    wanted: Sender<()>,
    is_interactive: bool,
    /// The line editor's thread, which has to give the terminal back.
    editor: Option<JoinHandle<()>>,
}

/// Starts a thread that reads a line whenever one is wanted.
pub(crate) fn start(max_line: usize, queue: &Arc<Queue>) -> Result<Input> {
    let is_interactive = io::stdin().is_terminal();
    let on_terminal = is_interactive && io::stdout().is_terminal();
    let (wanted, asked) = mpsc::channel();
    let queue = Arc::clone(queue);
    let thread = thread::Builder::new()
        .name("input".to_owned())
        .spawn(move || {
            let outcome = if on_terminal {
                edit_lines(&asked, &queue)
            } else {
                read_lines(&asked, &queue, max_line)
            };
            queue.push(match outcome {
                Ok(()) => Event::EndOfInput,
                Err(error) => Event::Lost(error),
            });
        })
        .context("cannot start a thread")?;
    Ok(Input {
        wanted,
        is_interactive,
        editor: on_terminal.then_some(thread),
    })
}

impl Input {
    /// Whether a person types the lines.
    pub(crate) const fn is_interactive(&self) -> bool {
        self.is_interactive
    }

    /// Asks for the next line; it arrives as an event.
    pub(crate) fn want_line(&self) {
        // When the thread is gone, its last event said why.
        let _ = self.wanted.send(());
    }

    /// Ends the input, a line that is being edited too, and leaves the
    /// terminal as it was.
    pub(crate) fn end(self) {
        drop(self.wanted);
        let Some(editor) = self.editor else { return };
        let deadline = Instant::now() + RESTORE;
        while !editor.is_finished() && Instant::now() < deadline {
            interrupt_editor();
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Makes the line editor return, by the signal that it handles itself while a
/// line is edited. At other times the program's own handler takes it.
#[cfg(unix)]
fn interrupt_editor() {
    // It cannot fail for a signal that is handled.
    let _ = signal_hook::low_level::raise(signal_hook::consts::SIGINT);
}

/// Elsewhere the editor cannot be interrupted; the program ends without it.
#[cfg(not(unix))]
fn interrupt_editor() {}

fn edit_lines(asked: &Receiver<()>, queue: &Queue) -> Result<()> {
    let config = Config::builder().auto_add_history(true).build();
    let mut editor: Editor<(), _> =
        Editor::with_history(config.clone(), MemHistory::with_config(&config))?;
    // With a printer the editor waits for signals as well as for keys.
    let _printer = editor.create_external_printer()?;
    while asked.recv().is_ok() {
        let line = loop {
            match editor.readline(PROMPT) {
                // The window changed its size while a line was edited.
                Err(ReadlineError::Signal(rustyline::error::Signal::Resize)) => {}
                other => break other,
            }
        };
        match line {
            Ok(line) => {
                if !queue.push(Event::Line(Line::Whole(line.into_bytes()))) {
                    return Ok(());
                }
            }
            Err(ReadlineError::Eof | ReadlineError::Interrupted | ReadlineError::Signal(_)) => {
                return Ok(());
            }
            Err(error) => return Err(Error::new(error).context("cannot read from the terminal")),
        }
    }
    Ok(())
}

fn read_lines(asked: &Receiver<()>, queue: &Queue, max_line: usize) -> Result<()> {
    let stdin = BufReader::new(Patient(io::stdin().lock()));
    let mut lines = Lines::new(stdin, max_line);
    while asked.recv().is_ok() {
        let Some(line) = lines.next().context("cannot read from stdin")? else {
            return Ok(());
        };
        if !queue.push(Event::Line(line)) {
            return Ok(());
        }
    }
    Ok(())
}
