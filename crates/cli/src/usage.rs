//! Parsing of the command line, and one-line usage errors.

use std::process::ExitCode;

use clap::{Parser, error::ErrorKind};

use crate::{
    exit::{UsageError, exit_code, stdout_result},
    signals,
};

/// Parses the command line. Also makes writes beyond the file size limit
/// (`ulimit -f`) fail instead of ending the program.
///
/// # Errors
///
/// The exit code, once help or the version (0, or 1 if that failed) or a one-line error with the
/// expected value (2) is printed.
pub fn parse<A: Parser>() -> Result<A, ExitCode> {
    signals::survive_large_files();
    A::try_parse().map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            exit_code(stdout_result(error.print()))
        }
        kind => {
            let line = one_line(&error.to_string(), has_usage(kind));
            exit_code(Err(UsageError(line).into()))
        }
    })
}

/// Whether clap ends such a message with tips and the usage. It does not where
/// it quotes a value, which may contain anything.
const fn has_usage(kind: ErrorKind) -> bool {
    !matches!(kind, ErrorKind::ValueValidation | ErrorKind::InvalidValue)
}

/// Clap's message without label, tips and usage. It quotes user input, so the
/// search for the end goes backwards.
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
}
