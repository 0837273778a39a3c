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
    transport::cli::print(String::from_utf8_lossy(&text).trim_end())
}

fn generate(kind: Kind, mut command: Command) -> io::Result<Vec<u8>> {
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::args::Args;

    #[test]
    fn every_option_is_in_all_of_them() {
        for kind in Kind::value_variants() {
            let text = generate(*kind, Args::command()).unwrap();
            // A man page writes every hyphen as \-.
            let text = String::from_utf8(text).unwrap().replace("\\-", "-");
            let command = Args::command();
            let options: Vec<&str> = command
                .get_arguments()
                .filter_map(|arg| arg.get_long())
                .collect();
            assert!(options.len() > 30);
            for option in options {
                assert!(text.contains(option), "{option} in {kind:?}");
            }
        }
    }
}
