//! Results on stdout, exit codes, and one-line errors on stderr.

use std::{
    fmt,
    io::{self, Write},
    process::ExitCode,
};

use anstream::{AutoStream, ColorChoice, stream::RawStream};
use anyhow::{Context, Result};
use proto::Escaped;
use transport::stdio::Patient;

/// Exit code for bad usage.
const USAGE: u8 = 2;

/// A command line that is refused: an option, or options that are valid alone and
/// not together.
#[derive(Debug, thiserror::Error)]
#[error("{0}; see --help")]
pub struct UsageError(pub String);

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

/// Turns the error of a stdout without a reader into [`StdoutClosed`].
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
#[derive(Debug, thiserror::Error)]
#[error("stdout is closed")]
pub struct StdoutClosed;

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
    // One line, even if a path or a peer has line ends or terminal controls in it.
    let line = format!("{}: {error:#}", program());
    let line = format!("{}\n", Escaped(line.as_bytes()));
    // Not eprintln!, which panics when stderr is closed.
    let _ = io::stderr().write_all(line.as_bytes());
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
