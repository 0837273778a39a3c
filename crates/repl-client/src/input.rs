//! The user's side of a session: a line editor on a terminal, else plain
//! lines.

use std::{
    io::{self, BufReader, IsTerminal, Write},
    sync::{
        Arc,
        mpsc::{self, Receiver, Sender},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use cli::signals::Stop;
use transport::stdio::Patient;

use crate::{
    editor::{LineEditor, PROMPT},
    lines::{Line, Lines},
    printer::Printer,
    queue::{Event, EventQueue},
    terminal::{self, Modes},
};

/// How long the line editor may take to give the terminal back.
const RESTORE: Duration = Duration::from_secs(1);

pub(crate) struct Input {
    /// One message for each line wanted; dropped, the thread ends.
    wanted: Sender<()>,
    source: LineSource,
}

/// Where lines come from.
enum LineSource {
    /// A terminal with a line editor, whose thread has to give it back.
    Editor {
        thread: JoinHandle<()>,
        printer: Printer,
        before: Modes,
    },
    /// A terminal that only shows text, and whether the prompt is the last of
    /// it.
    Prompt(bool),
    /// A terminal whose replies go elsewhere.
    Terminal,
    /// A pipe or a file.
    Pipe,
}

/// Starts a thread that reads a line whenever one is wanted.
pub(crate) fn start(max_line: usize, queue: &Arc<EventQueue>) -> Result<Input> {
    let (wanted, asked) = mpsc::channel();
    let queue = Arc::clone(queue);
    let is_terminal = io::stdin().is_terminal();
    let is_shown = is_terminal && io::stdout().is_terminal();
    let editor = if is_shown && terminal::make_blocking() {
        LineEditor::new()?
    } else {
        None
    };
    let source = if let Some((mut editor, printer)) = editor {
        let ending = Arc::clone(&queue);
        let before = Modes::now();
        let thread = start_thread(asked, queue, move || editor.read(&ending))?;
        LineSource::Editor {
            thread,
            printer,
            before,
        }
    } else {
        let mut lines = Lines::new(BufReader::new(Patient(io::stdin())), max_line);
        start_thread(asked, queue, move || {
            lines.next().context("cannot read from stdin")
        })?;
        match (is_shown, is_terminal) {
            (true, _) => LineSource::Prompt(false),
            (false, true) => LineSource::Terminal,
            (false, false) => LineSource::Pipe,
        }
    };
    Ok(Input { wanted, source })
}

fn start_thread(
    asked: Receiver<()>,
    queue: Arc<EventQueue>,
    mut read: impl FnMut() -> Result<Option<Line>> + Send + 'static,
) -> Result<JoinHandle<()>> {
    thread::Builder::new()
        .name("input".to_owned())
        .spawn(move || {
            let last = loop {
                if asked.recv().is_err() {
                    return;
                }
                match read() {
                    Ok(Some(line)) => queue.push(Event::Line(line)),
                    Ok(None) => break Event::EndOfInput,
                    Err(error) => break Event::Lost(error),
                };
            };
            queue.push(last);
        })
        .context("cannot start a thread")
}

impl Input {
    /// Whether a person types the lines.
    pub(crate) const fn is_interactive(&self) -> bool {
        !matches!(self.source, LineSource::Pipe)
    }

    /// Asks for the next line; it arrives as an event.
    pub(crate) fn want_line(&mut self) -> Result<()> {
        if let LineSource::Prompt(is_last) = &mut self.source {
            show(PROMPT).context("cannot write to stdout")?;
            *is_last = true;
        }
        // When the thread is gone, its last event said why.
        let _ = self.wanted.send(());
        Ok(())
    }

    /// Says that the line has arrived.
    pub(crate) const fn has_line(&mut self) {
        if let LineSource::Prompt(is_last) = &mut self.source {
            *is_last = false;
        }
    }

    /// Whether text would stand in the middle of a line that is typed.
    pub(crate) const fn shows_line(&self) -> bool {
        matches!(
            self.source,
            LineSource::Editor { .. } | LineSource::Prompt(true)
        )
    }

    /// Shows what does not belong to the conversation, and then the line again
    /// that is being typed, as far as the terminal can.
    pub(crate) fn show_aside(&mut self, line: &str) {
        match &mut self.source {
            LineSource::Editor { printer, .. } => printer.print(line),
            LineSource::Prompt(true) => {
                // Nothing is left to do about a terminal that is gone.
                let _ = show(&format!("\n{line}\n{PROMPT}"));
            }
            _ => tracing::warn!("{line}"),
        }
    }

    /// Ends the input, a line that is being edited too, and leaves the
    /// terminal as it was.
    pub(crate) fn end(self, stop: &Stop) {
        drop(self.wanted);
        match self.source {
            LineSource::Editor { thread, before, .. } => {
                let deadline = Instant::now() + RESTORE;
                while !thread.is_finished() && Instant::now() < deadline {
                    terminal::interrupt_editor(stop);
                    thread::sleep(Duration::from_millis(5));
                }
                // It cannot while the terminal takes no output.
                if !thread.is_finished() {
                    before.restore();
                }
            }
            LineSource::Prompt(true) => {
                // What comes next has a line of its own.
                let _ = show("\n");
            }
            _ => {}
        }
    }
}

/// Writes to the terminal, and not only when a line is full.
fn show(text: &str) -> io::Result<()> {
    let mut stdout = Patient(io::stdout().lock());
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}
