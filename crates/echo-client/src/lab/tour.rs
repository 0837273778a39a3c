//! The guided tour: experiments by their command lines, and what they show.

use anyhow::{Result, bail};
use clap::Parser;

use super::{
    picture::{PictureRow, Piece},
    section::TourSection,
};
use crate::args::{EchoArgs, EchoCommand};

/// Each a title, a command and what is to be seen, with an empty line between.
const SCENES: &str = include_str!("tour.txt");

pub(super) fn sections() -> Result<Vec<TourSection>> {
    let scenes = SCENES.split("\n\n").map(|scene| scene.lines().collect());
    let mut sections = scenes.map(section).collect::<Result<Vec<_>>>()?;
    // The last is about the end of the stream, and what comes after it.
    if let Some(TourSection { picture, .. }) = sections.last_mut() {
        let label = format!("{} bytes back, after the FIN", picture.len);
        picture.rows.push(PictureRow {
            name: "1 echo".to_owned(),
            pieces: vec![Piece::new(&(0..picture.len), label)],
        });
    }
    Ok(sections)
}

/// Runs what the command would.
fn section(text: Vec<&'static str>) -> Result<TourSection> {
    let words = text
        .iter()
        .skip(1)
        .take(1)
        .flat_map(|command| command.split(' '));
    match EchoArgs::try_parse_from(words.skip(1))?.command {
        Some(EchoCommand::Lab(args)) => Ok(TourSection {
            text,
            ..TourSection::of(&args)?
        }),
        _ => bail!("no scene of the tour: {text:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_fit_beside_the_pictures() {
        for line in SCENES.lines() {
            assert!(line.len() <= 79, "{line}");
        }
    }
}
