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

/// How long the line editor may take to restore the terminal.
const RESTORE: Duration = Duration::from_secs(1);

pub(crate) struct Input {
    /// Each message requests a line; dropping it ends the thread.
    wanted: Sender<()>,
    source: LineSource,
}

/// Where lines come from.
enum LineSource {
    /// A terminal with a line editor, whose thread has to restore it.
    Editor {
        thread: JoinHandle<()>,
        printer: Printer,
        before: Modes,
    },
    /// A terminal without line editing, and whether the prompt is the last text on
    /// it.
    Prompt(bool),
    /// A terminal, while replies go elsewhere.
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
        // If the thread has ended, its last event says why.
        let _ = self.wanted.send(());
        Ok(())
    }

    /// Notes that the line has arrived.
    pub(crate) const fn has_line(&mut self) {
        if let LineSource::Prompt(is_last) = &mut self.source {
            *is_last = false;
        }
    }

    /// Whether text would appear in the middle of a line being typed.
    pub(crate) const fn shows_line(&self) -> bool {
        matches!(
            self.source,
            LineSource::Editor { .. } | LineSource::Prompt(true)
        )
    }

    /// Shows text that is not part of the conversation, and then the line being typed
    /// again, as far as the terminal can.
    pub(crate) fn show_aside(&mut self, line: &str) {
        match &mut self.source {
            LineSource::Editor { printer, .. } => printer.print(line),
            LineSource::Prompt(true) => {
                // A terminal that is gone shows nothing.
                let _ = show(&format!("\n{line}\n{PROMPT}"));
            }
            _ => tracing::warn!("{line}"),
        }
    }

    /// Ends the input, even within a line, and restores the terminal.
    pub(crate) fn end(self, stop: &Stop) {
        drop(self.wanted);
        match self.source {
            LineSource::Editor { thread, before, .. } => {
                let deadline = Instant::now() + RESTORE;
                while !thread.is_finished() && Instant::now() < deadline {
                    terminal::interrupt_editor(stop);
                    thread::sleep(Duration::from_millis(5));
                }
                // The editor is blocked while the terminal takes no output.
                if !thread.is_finished() {
                    before.restore();
                }
            }
            LineSource::Prompt(true) => {
                // The next output begins a line.
                let _ = show("\n");
            }
            _ => {}
        }
    }
}

/// Writes to the terminal at once, without a line end.
fn show(text: &str) -> io::Result<()> {
    let mut stdout = Patient(io::stdout().lock());
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}
