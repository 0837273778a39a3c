//! The options in a text, and the programs' real options.

use std::collections::BTreeSet;

use testkit::run;

/// The programs, with their subcommands.
const PROGRAMS: [&str; 10] = [
    "echo-server",
    "echo-client",
    "echo-client check",
    "echo-client lab",
    "repl-client",
    "bench-client",
    "bench-client compare",
    "bench-client merge",
    "bench-client overhead",
    "bench-client capacity",
];

/// A program and one of its options; without a program: of any.
pub(super) type NamedOption = (Option<&'static str>, String);

/// A program's options, from its help.
pub(super) fn of(program: &str) -> BTreeSet<String> {
    let mut words: Vec<&str> = program.split(' ').skip(1).collect();
    words.push("--help");
    let help = run(program.split(' ').next().unwrap_or_default(), &words).expect_code(0);
    let lines = help.stdout.lines().map(str::trim_start);
    let definitions = lines.filter(|line| line.starts_with('-'));
    let words = definitions.flat_map(|line| line.split([' ', ',', '.']));
    words.filter(|word| is_option(word)).map(option).collect()
}

/// The options of all programs.
pub(super) fn all() -> Vec<(&'static str, BTreeSet<String>)> {
    PROGRAMS.map(|program| (program, of(program))).into()
}

/// Words that precede a program in a shell.
const BEFORE: [&str; 6] = ["do", "exec", "time", "nohup", "$", "if"];

/// The options in a shell command. Those of other programs are left out.
pub(super) fn of_command(line: &str) -> Vec<NamedOption> {
    let mut options = Vec::new();
    let mut words = line.split_whitespace().peekable();
    let mut program = None;
    let mut is_first = true;
    let mut bin = None;
    while let Some(word) = words.next() {
        if is_first && (BEFORE.contains(&word) || word.contains('=')) {
            continue;
        }
        let ends = matches!(word, "|" | "||" | "&&" | "&" | ";");
        let name = word.rsplit('/').next().unwrap_or_default();
        if ends {
            program = None;
        } else if is_first {
            program = PROGRAMS.into_iter().find(|program| *program == name);
            bin = None;
        } else if word == "--bin" {
            bin = words
                .peek()
                .and_then(|name| PROGRAMS.into_iter().find(|p| p == name));
        } else if word == "--" {
            // Options of the program that cargo runs follow.
            program = bin;
        } else if let Some(subcommand) = subcommand(program, word) {
            program = Some(subcommand);
        } else if program.is_some() && is_option(word) {
            options.push((program, option(word)));
        }
        is_first = ends || word.ends_with(';');
    }
    options
}

/// The subcommand of a program that a word is, by its whole name.
fn subcommand(program: Option<&str>, word: &str) -> Option<&'static str> {
    let name = format!("{} {word}", program?);
    PROGRAMS.into_iter().find(|program| *program == name)
}

/// The options in a span: of a command, or on their own.
pub(super) fn of_span(span: &str) -> Vec<NamedOption> {
    let words = || span.split([' ', ',', '/']);
    if words().next().is_some_and(is_option) {
        let options = words().filter(|word| is_option(word));
        options.map(|word| (None, option(word))).collect()
    } else {
        of_command(span)
    }
}

fn is_option(word: &str) -> bool {
    let name = word.trim_start_matches('-');
    name.len() < word.len() && name.starts_with(|c: char| c.is_ascii_alphabetic())
}

/// The option in a word, without its value.
fn option(word: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let end = word.find(|c| !is_part(c)).unwrap_or(word.len());
    // -vv is -v twice.
    let end = if word.starts_with("--") { end } else { 2 };
    word.get(..end).unwrap_or_default().to_owned()
}

#[test]
fn options_are_found() {
    let found = |line: &str| -> Vec<String> {
        let options = of_command(line).into_iter();
        options
            .map(|(program, option)| format!("{} {option}", program.unwrap_or_default()))
            .collect()
    };
    assert_eq!(
        found("cargo run --release --bin bench-client -- --with-server -c 300"),
        ["bench-client --with-server", "bench-client -c"]
    );
    assert_eq!(
        found("for i in 1 2; do bench-client -d 1s --json=A$i; done | grep -v x; echo-client -n 2"),
        ["bench-client -d", "bench-client --json", "echo-client -n"]
    );
    assert_eq!(
        found("bench-client overhead --repeats 7 && RUST_LOG=off target/debug/echo-server --raw"),
        ["bench-client overhead --repeats", "echo-server --raw"]
    );
    assert_eq!(found("kill -STOP 7"), [""; 0]);
    assert_eq!(of_span("-h HOST:PORT"), [(None, "-h".to_owned())]);
    assert_eq!(of_span("--tls-pin SHA256")[0].1, "--tls-pin");
}
