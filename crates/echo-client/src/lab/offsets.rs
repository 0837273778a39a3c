//! Every cut of a stream in two writes, and what comes out right.

use std::{fmt::Write, time::Duration};

use anyhow::Result;
use clap::ValueEnum;
use cli::UsageError;

use super::{args::LabArgs, codec::Codec, picture::right};

/// Each cut has a connection of its own, whose port takes a minute to be free
/// again.
const MAX_CUTS: usize = 1000;

/// A line for each codec: how many cuts let every message through, and how many
/// messages each cut does.
pub(super) fn table(args: &LabArgs, columns: usize) -> Result<String> {
    let all = || Codec::value_variants().to_vec();
    let mut text = "Each cut in two writes, each write read as it comes.\n\n\
                    reader            all right   messages right, by cut (✓ all)\n"
        .to_owned();
    for codec in args.reader.map_or_else(all, |codec| vec![codec]) {
        let (right, all) = right_by_cut(args, codec)?;
        let complete = right.iter().filter(|right| **right == all).count();
        let name = codec.to_possible_value();
        let name = name.as_ref().map_or("", |name| name.get_name());
        let share = format!("{complete} of {}", right.len());
        let width = columns.saturating_sub(30).max(5).min(right.len());
        let strip = (0..width).map(|column| cell(&right, all, column, width));
        let strip: String = strip.collect();
        let _ = writeln!(text, "{name:<17} {share:<11} {strip}");
    }
    Ok(text)
}

/// How many messages come out right by each cut, and how many there are.
fn right_by_cut(args: &LabArgs, codec: Codec) -> Result<(Vec<usize>, usize)> {
    let mut experiment = args.experiment_with(codec)?;
    experiment.pause = Some(Duration::ZERO);
    let len = experiment.stream.len();
    if len > MAX_CUTS {
        let line =
            format!("--every-offset: expected at most {MAX_CUTS} bytes, and there are {len}");
        return Err(UsageError(line).into());
    }
    let cuts = (1..len).map(|cut| {
        experiment.ends = vec![cut, len];
        let understood = experiment.run()?.understood;
        let right = right(&experiment.messages, &understood);
        Ok(right.into_iter().filter(|is_right| *is_right).count())
    });
    let right = cuts.collect::<Result<_>>()?;
    Ok((right, experiment.messages.len()))
}

/// The worst of the cuts that one column stands for.
fn cell(right: &[usize], all: usize, column: usize, width: usize) -> char {
    let cut = |column: usize| column * right.len() / width;
    let cuts = right.get(cut(column)..cut(column + 1));
    match cuts.and_then(|cuts| cuts.iter().min()) {
        Some(&count) if count < all => char::from(b"0123456789"[count.min(9)]),
        _ => '✓',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_shows_the_worst_of_its_cuts() {
        let strip = |right: &[usize], all, width| -> String {
            (0..width)
                .map(|column| cell(right, all, column, width))
                .collect()
        };
        assert_eq!(strip(&[0, 1, 2, 3], 3, 4), "012✓");
        assert_eq!(strip(&[3, 1, 3, 3], 3, 2), "1✓");
        assert_eq!(strip(&[12, 13], 13, 2), "9✓");
    }
}
