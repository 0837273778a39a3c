//! `--size`: how large messages are.

use std::fmt;

use cli::args::parse_size;

/// How large messages are, in bytes of payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sizes {
    /// As it was given.
    text: String,
    choice: Choice,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Choice {
    /// Always this one.
    One(u64),
    /// Any from the first to the second, both included, equally often.
    Range(u64, u64),
    /// Any of these, equally often.
    List(Vec<u64>),
}

impl Sizes {
    /// Parses `64`, `64..4k` or `64,512,4k`.
    ///
    /// # Errors
    ///
    /// What was expected, in one line.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let choice = if let Some((least, most)) = text.split_once("..") {
            let (least, most) = (parse_size(least)?, parse_size(most)?);
            if least > most {
                return Err("expected the smaller size first".to_owned());
            }
            Choice::Range(least, most)
        } else if text.contains(',') {
            Choice::List(text.split(',').map(parse_size).collect::<Result<_, _>>()?)
        } else {
            Choice::One(parse_size(text)?)
        };
        Ok(Self {
            text: text.to_owned(),
            choice,
        })
    }

    pub(crate) fn largest(&self) -> u64 {
        match &self.choice {
            Choice::One(size) | Choice::Range(_, size) => *size,
            Choice::List(sizes) => sizes.iter().copied().max().unwrap_or(1),
        }
    }

    /// The size of the next message, drawn from `random`.
    pub(crate) fn pick(&self, random: &mut fastrand::Rng) -> u64 {
        match &self.choice {
            Choice::One(size) => *size,
            Choice::Range(least, most) => random.u64(*least..=*most),
            Choice::List(sizes) => random.choice(sizes).copied().unwrap_or(1),
        }
    }
}

impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn picks(text: &str) -> BTreeSet<u64> {
        let sizes = Sizes::parse(text).unwrap();
        let mut random = fastrand::Rng::with_seed(1);
        let picks: BTreeSet<u64> = (0..1000).map(|_| sizes.pick(&mut random)).collect();
        assert_eq!(picks.last(), Some(&sizes.largest()));
        picks
    }

    #[test]
    fn sizes_are_picked_from_all_there_are() {
        assert_eq!(picks("1k"), [1024].into());
        assert_eq!(picks("3..6"), [3, 4, 5, 6].into());
        assert_eq!(picks("7..7"), [7].into());
        assert_eq!(picks("1k,64,512"), [64, 512, 1024].into());
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for bad in [
            "", "0", "x", "4k..64", "64..", "..64", "0..64", "64,,4k", "64,0",
        ] {
            assert!(Sizes::parse(bad).is_err(), "{bad}");
        }
    }
}
