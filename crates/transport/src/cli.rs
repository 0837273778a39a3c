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

use crate::{signals, stdio::Patient};

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
        kind => {
            let line = one_line(&error.to_string(), has_usage(kind));
            exit_code(Err(UsageError(line).into()))
        }
    })
}

/// Whether clap ends such a message with tips and the usage. It does not where it
/// quotes a value, which may be anything.
const fn has_usage(kind: ErrorKind) -> bool {
    !matches!(kind, ErrorKind::ValueValidation | ErrorKind::InvalidValue)
}

/// What clap says, without its label, tips and usage. It quotes what the user
/// typed, so the end is looked for from behind.
fn one_line(message: &str, has_usage: bool) -> String {
    let mut message = message.strip_prefix("error: ").unwrap_or(message);
    let headings = ["\n\nFor more information, ", "\n\nUsage: ", "\n\n  tip: "];
    for heading in headings.into_iter().take(if has_usage { 3 } else { 1 }) {
        let end = message.rfind(heading);
        message = end.and_then(|end| message.get(..end)).unwrap_or(message);
    }
    let lines: Vec<&str> = message.lines().map(str::trim).collect();
    lines.join(" ").trim().to_owned()
}

/// Text in one line: what could end it, or drive a terminal, is escaped.
fn printable(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            // Embeddings, overrides and isolates of the bidirectional algorithm,
            // and the separators of lines and paragraphs.
            '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' => {
                line.extend(c.escape_unicode());
            }
            c if c.is_control() => line.extend(c.escape_default()),
            c => line.push(c),
        }
    }
    line
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
/// ends the program at once, with exit code 130. What was ignored when the
/// program started stays ignored.
///
/// # Errors
///
/// When the system takes no handler.
pub fn stop_on_signals(stop: &Arc<AtomicBool>) -> Result<()> {
    for signal in [SIGINT, SIGTERM] {
        if signals::is_ignored(signal) {
            continue;
        }
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
    let mut stdout = Patient(io::stdout().lock());
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
    let line = printable(&format!("{}: {error:#}", program()));
    // Not eprintln!, which panics when stderr is closed.
    let _ = writeln!(io::stderr(), "{line}");
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_errors_fit_one_line() {
        for (message, has_usage, line) in [
            (
                "error: unexpected argument '--x' found\n\n  tip: a similar argument exists: '--y'\n\n\
                 Usage: a [OPTIONS]\n\nFor more information, try '--help'.\n",
                true,
                "unexpected argument '--x' found",
            ),
            (
                "error: invalid value 'a\n\nUsage: b\nc' for '--host <ADDR>': expected host:port\n\n\
                 For more information, try '--help'.\n",
                false,
                "invalid value 'a  Usage: b c' for '--host <ADDR>': expected host:port",
            ),
            (
                "error: the following required arguments were not provided:\n  <A>\n  <B>\n\n\
                 Usage: a <A> <B>\n\nFor more information, try '--help'.\n",
                true,
                "the following required arguments were not provided: <A> <B>",
            ),
            ("something else", true, "something else"),
        ] {
            assert_eq!(one_line(message, has_usage), line);
        }
    }

    #[test]
    fn a_line_stays_one_and_drives_no_terminal() {
        assert_eq!(printable("cannot read \"ü\""), "cannot read \"ü\"");
        assert_eq!(
            printable("a\nb\r\u{1b}[2J\u{7}\u{9b}\u{202e}\u{2028}\t"),
            "a\\nb\\r\\u{1b}[2J\\u{7}\\u{9b}\\u{202e}\\u{2028}\\t"
        );
    }
}
