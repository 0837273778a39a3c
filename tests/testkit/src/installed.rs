//! Peer programs that may not be installed.

use std::{
    env,
    io::{self, Write},
    process::Command,
};

/// A command for a program that may not be installed. If it is missing, prints
/// that on stderr, and the test is skipped; with `CI=true` it is a failure.
#[track_caller]
pub fn installed(name: &str) -> Option<Command> {
    let path = env::var_os("PATH").unwrap_or_default();
    if env::split_paths(&path).any(|folder| folder.join(name).is_file()) {
        return Some(Command::new(name));
    }
    assert!(
        env::var_os("CI").is_none_or(|ci| ci != "true"),
        "{name} is not installed"
    );
    skip(&format!("{name} is not installed"));
    None
}

/// Prints why a test is skipped. Not with `eprintln!`, which shows only for
/// failed tests.
pub fn skip(why: &str) {
    let current = std::thread::current();
    let test = current.name().unwrap_or("a test");
    let _ = writeln!(io::stderr(), "skipped: {test}: {why}");
}
