//! The count of lines that failed, reported at the end of a session.

use anyhow::{Result, bail};

/// Lines, and those that were not sent or not echoed.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) lines: u64,
    pub(crate) unsent: u64,
    pub(crate) wrong: u64,
}

impl Tally {
    /// Fails if anything went wrong.
    pub(crate) fn conclude(&self) -> Result<()> {
        let unsent = match self.unsent {
            0 => None,
            1 => Some("1 line was not sent".to_owned()),
            n => Some(format!("{n} lines were not sent")),
        };
        let wrong = match self.wrong {
            0 => None,
            1 => Some("1 reply differed from its line".to_owned()),
            n => Some(format!("{n} replies differed from their lines")),
        };
        let parts: Vec<String> = unsent.into_iter().chain(wrong).collect();
        if !parts.is_empty() {
            bail!("{}", parts.join(" and "));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_wrong_is_one_line() {
        let words = |unsent, wrong| {
            let outcome = Tally {
                lines: 10,
                unsent,
                wrong,
            }
            .conclude();
            outcome.map_err(|error| error.to_string())
        };
        assert_eq!(words(0, 0), Ok(()));
        assert_eq!(words(2, 0), Err("2 lines were not sent".to_owned()));
        let both = "1 line was not sent and 1 reply differed from its line";
        assert_eq!(words(1, 1), Err(both.to_owned()));
    }
}
