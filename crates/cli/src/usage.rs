//! Parsing of the command line, and one-line usage errors.

use std::{
    env,
    ffi::{OsStr, OsString},
    process::ExitCode,
};

use clap::{Arg, Command, Parser, error::ErrorKind};

use crate::{
    exit::{UsageError, exit_code, stdout_result},
    signals,
};

/// Parses the command line. Also makes writes beyond the file size limit
/// (`ulimit -f`) fail instead of ending the program.
///
/// # Errors
///
/// The exit code, after help or the version is printed (0, or 1 if that failed), or a
/// one-line error with the expected value (2).
pub fn parse<A: Parser>() -> Result<A, ExitCode> {
    signals::survive_large_files();
    A::try_parse_from(joined(env::args_os(), &A::command())).map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            exit_code(stdout_result(error.print()))
        }
        kind => {
            let line = one_line(&error.to_string(), has_usage(kind));
            exit_code(Err(UsageError(line).into()))
        }
    })
}

/// Arguments with negative numbers joined to the options before them, `-r -5` as `-r=-5`,
/// so that the error is that of the value and names what is expected. Clap's own way,
/// `allow_negative_numbers`, knows neither `-5s` nor `-64k`.
fn joined(args: impl Iterator<Item = OsString>, command: &Command) -> Vec<OsString> {
    let mut joined: Vec<OsString> = Vec::new();
    let mut has_ended = false;
    for arg in args {
        has_ended |= arg == "--";
        match joined.last_mut() {
            Some(option) if !has_ended && is_negative(&arg) && takes_value(command, option) => {
                option.push("=");
                option.push(arg);
            }
            _ => joined.push(arg),
        }
    }
    joined
}

fn is_negative(arg: &OsStr) -> bool {
    let number = arg.as_encoded_bytes().strip_prefix(b"-");
    let number = number.map(|number| number.strip_prefix(b".").unwrap_or(number));
    number.is_some_and(|number| number.first().is_some_and(u8::is_ascii_digit))
}

/// Whether an argument is an option, of the command or a subcommand, whose value is the
/// next one.
fn takes_value(command: &Command, arg: &OsStr) -> bool {
    let is_named = |option: &Arg| {
        let long = option.get_long().map(|long| format!("--{long}"));
        let short = option.get_short().map(|short| format!("-{short}"));
        [long, short]
            .into_iter()
            .flatten()
            .any(|name| arg == &*name)
    };
    let mut options = command.get_arguments();
    options.any(|option| option.get_action().takes_values() && is_named(option))
        || command
            .get_subcommands()
            .any(|command| takes_value(command, arg))
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
    use clap::ArgAction;

    use super::*;

    #[test]
    fn negative_numbers_are_values() {
        let number = |short| Arg::new("n").short(short).long("number");
        let flag = |short| Arg::new("f").short(short).action(ArgAction::SetTrue);
        let command = Command::new("a")
            .args([number('n'), flag('4')])
            .subcommand(Command::new("b").arg(number('m')));
        for (args, expected) in [
            ("a -n -1 -4", "a -n=-1 -4"),
            ("a -n -4 -n -5s -n -64k", "a -n=-4 -n=-5s -n=-64k"),
            ("a --number -.5 -6", "a --number=-.5 -6"),
            ("a b -m -1 - -1 -x -1", "a b -m=-1 - -1 -x -1"),
            ("a -n 1 -4 -4 -n -x", "a -n 1 -4 -4 -n -x"),
            ("a -n -- -1 -n -2", "a -n -- -1 -n -2"),
        ] {
            let joined = joined(args.split(' ').map(OsString::from), &command);
            let expected: Vec<_> = expected.split(' ').map(OsString::from).collect();
            assert_eq!(joined, expected);
        }
    }

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
