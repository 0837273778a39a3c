//! The edges that all programs have in common: usage errors in one line,
//! results on stdout, exit codes, signals.

use std::{
    error, fmt,
    io::{self, Write},
    process::ExitCode,
    sync::{Arc, atomic::AtomicBool},
};

use anyhow::{Context, Result};
use clap::{Parser, error::ErrorKind};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};

/// Exit code for bad usage.
const USAGE: u8 = 2;

/// Exit code of a program that a second signal ends, as shells report it for
/// SIGINT: 128 + 2.
const INTERRUPTED: i32 = 130;

/// Parses the command line.
///
/// # Errors
///
/// The exit code, after help and version (0) or one line of what was wrong
/// and what was expected (2) were printed.
pub fn parse<A: Parser>() -> Result<A, ExitCode> {
    A::try_parse().map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // Nothing is left to do about a closed stdout.
            let _ = error.print();
            ExitCode::SUCCESS
        }
        _ => exit_code(Err(UsageError(one_line(&error.to_string())).into())),
    })
}

/// The first paragraph of what clap says, without its label: the rest repeats
/// the usage.
fn one_line(message: &str) -> String {
    let paragraph = message.split("\n\n").next().unwrap_or_default();
    let line: Vec<&str> = paragraph.lines().map(str::trim).collect();
    let line = line.join(" ");
    line.strip_prefix("error: ").unwrap_or(&line).to_owned()
}

/// Options that are each right and wrong together.
#[derive(Debug)]
pub struct UsageError(pub String);

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; see --help", self.0)
    }
}

impl error::Error for UsageError {}

/// Asks for a stop on SIGINT and SIGTERM by setting `stop`; a second signal
/// ends the program at once, with exit code 130.
///
/// # Errors
///
/// When the system takes no handler.
pub fn stop_on_signals(stop: &Arc<AtomicBool>) -> Result<()> {
    for signal in [SIGINT, SIGTERM] {
        // In this order: the first signal finds the flag down and raises it.
        flag::register_conditional_shutdown(signal, INTERRUPTED, Arc::clone(stop))
            .and_then(|_| flag::register(signal, Arc::clone(stop)))
            .context("cannot handle signals")?;
    }
    Ok(())
}

/// Prints one result and flushes it.
///
/// # Errors
///
/// [`StdoutClosed`] when nobody reads any more, which [`exit_code`] does not
/// count as a failure; else what stdout says.
pub fn print(line: impl fmt::Display) -> Result<()> {
    let mut stdout = io::stdout().lock();
    match writeln!(stdout, "{line}").and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(StdoutClosed.into()),
        other => other.context("cannot write to stdout"),
    }
}

/// The reader of stdout is gone: the work is done, not failed.
#[derive(Debug)]
pub struct StdoutClosed;

impl fmt::Display for StdoutClosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("stdout is closed")
    }
}

impl error::Error for StdoutClosed {}

/// Turns the outcome into an exit code and its one line on stderr: 0 done,
/// 1 failed, 2 bad usage.
#[must_use]
pub fn exit_code(outcome: Result<()>) -> ExitCode {
    let Err(error) = outcome else {
        return ExitCode::SUCCESS;
    };
    if error.is::<StdoutClosed>() {
        return ExitCode::SUCCESS;
    }
    // Not eprintln!, which panics when stderr is closed.
    let _ = writeln!(io::stderr(), "{}: {error:#}", program());
    if error.is::<UsageError>() {
        ExitCode::from(USAGE)
    } else {
        ExitCode::FAILURE
    }
}

/// The program's name as it was called, without its folder.
fn program() -> String {
    std::env::args_os()
        .next()
        .and_then(|path| {
            let stem = std::path::Path::new(&path).file_stem()?;
            Some(stem.to_string_lossy().into_owned())
        })
        .unwrap_or_default()
}
