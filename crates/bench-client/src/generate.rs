//! `--generate`: the man page and completions, from the options' definitions.

use std::io;

use anyhow::{Context, Result};
use clap::{Command, ValueEnum};
use clap_complete::Shell;

/// What can be generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    Man,
    Bash,
    Zsh,
    Fish,
}

/// Prints it.
///
/// # Errors
///
/// What stdout says.
pub(crate) fn print(kind: Kind, command: Command) -> Result<()> {
    let text = generate(kind, command).context("cannot generate it")?;
    cli::print(String::from_utf8_lossy(&text).trim_end())
}

pub(crate) fn generate(kind: Kind, mut command: Command) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let shell = match kind {
        Kind::Man => {
            clap_mangen::Man::new(command).render(&mut text)?;
            return Ok(text);
        }
        Kind::Bash => Shell::Bash,
        Kind::Zsh => Shell::Zsh,
        Kind::Fish => Shell::Fish,
    };
    let name = command.get_name().to_owned();
    clap_complete::generate(shell, &mut command, name, &mut text);
    Ok(text)
}
