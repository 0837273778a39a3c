//! Results on stdout, exit codes, and one-line errors on stderr.

use std::{
    error, fmt,
    io::{self, Write},
    process::ExitCode,
};

use anstream::{AutoStream, ColorChoice, stream::RawStream};
use anyhow::{Context, Result};

use transport::stdio::Patient;

/// Exit code for bad usage.
const USAGE: u8 = 2;

/// Options that are valid alone and not together.
#[derive(Debug)]
pub struct UsageError(pub String);

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; see --help", self.0)
    }
}

impl error::Error for UsageError {}

/// Prints one line and flushes it, in one write, so that output of stderr to
/// the same terminal or file cannot split the line.
///
/// # Errors
///
/// [`StdoutClosed`] when stdout has no reader, which [`exit_code`] does not
/// count as a failure; otherwise stdout's error.
pub fn print(line: impl fmt::Display) -> Result<()> {
    let mut stdout = Patient(io::stdout().lock());
    let line = format!("{line}\n");
    stdout_result(
        stdout
            .write_all(line.as_bytes())
            .and_then(|()| stdout.flush()),
    )
}

/// What a write to stdout came to: one without a reader is [`StdoutClosed`].
pub(crate) fn stdout_result(written: io::Result<()>) -> Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(StdoutClosed.into()),
        other => other.context("cannot write to stdout"),
    }
}

/// Whether to write colours to stdout or stderr: it is a terminal, and neither
/// `NO_COLOR`, `CLICOLOR` nor `TERM` forbids them.
pub fn has_color(stream: &impl RawStream) -> bool {
    !matches!(AutoStream::choice(stream), ColorChoice::Never)
}

/// Stdout has no reader any more: a success, not a failure.
#[derive(Debug)]
pub struct StdoutClosed;

impl fmt::Display for StdoutClosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("stdout is closed")
    }
}

impl error::Error for StdoutClosed {}

/// Converts the outcome into an exit code, with one line on stderr for an
/// error: 0 success, 1 failure, 2 bad usage.
#[must_use]
pub fn exit_code(outcome: Result<()>) -> ExitCode {
    let Err(error) = outcome else {
        return ExitCode::SUCCESS;
    };
    if error.is::<StdoutClosed>() {
        return ExitCode::SUCCESS;
    }
    let line = printable(&format!("{}: {error:#}", program()));
    // Not eprintln!, which panics when stderr is closed.
    let _ = writeln!(io::stderr(), "{line}");
    if error.is::<UsageError>() {
        ExitCode::from(USAGE)
    } else {
        ExitCode::FAILURE
    }
}

/// The program's name as called, without its folder.
fn program() -> String {
    std::env::args_os()
        .next()
        .and_then(|path| {
            let stem = std::path::Path::new(&path).file_stem()?;
            Some(stem.to_string_lossy().into_owned())
        })
        .unwrap_or_default()
}

/// Text as one line: line ends and terminal controls are escaped.
fn printable(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            // The controls of the bidirectional algorithm (UAX #9), and the
            // separators of lines and paragraphs.
            '\u{61c}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => line.extend(c.escape_unicode()),
            c if c.is_control() => line.extend(c.escape_default()),
            c => line.push(c),
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_and_terminal_controls_are_escaped() {
        assert_eq!(printable("cannot read \"ü\""), "cannot read \"ü\"");
        assert_eq!(
            printable("a\nb\r\u{1b}[2J\u{7}\u{9b}\u{202e}\u{2028}\u{61c}\t"),
            "a\\nb\\r\\u{1b}[2J\\u{7}\\u{9b}\\u{202e}\\u{2028}\\u{61c}\\t"
        );
    }
}
