//! The guided tour: experiments by their command lines, and what they show.

use anyhow::Result;
use clap::Parser;

use super::{
    args::LabArgs,
    layout::{self, Ink, PictureLine, line},
    picture::Picture,
    piece::Piece,
};

/// Each a title, a command and what is to be seen, with an empty line between.
const SCENES: &str = include_str!("tour.txt");

/// A picture and the text around it: none, or a title, a command and sentences.
pub(super) type Scene = (Vec<&'static str>, Picture);

/// What is asked for; without options, the tour.
pub(super) fn scenes(args: &LabArgs) -> Result<Vec<Scene>> {
    if !args.is_tour() {
        return Ok(vec![(Vec::new(), Picture::of(&args.experiment()?)?)]);
    }
    let scene = |text: &'static str| {
        let text: Vec<&str> = text.lines().collect();
        // Behind a prompt and the program's name.
        let words = text.get(1).into_iter().flat_map(|line| line.split(' '));
        let args = LabArgs::try_parse_from(words.skip(2))?;
        Ok((text, Picture::of(&args.experiment()?)?))
    };
    let mut scenes: Vec<Scene> = SCENES.split("\n\n").map(scene).collect::<Result<_>>()?;
    // The last is about the end of the stream, and what comes after it.
    if let Some((_, picture)) = scenes.last_mut() {
        let mut echo = Piece::sized(0..picture.len());
        echo.label += " bytes back, after the FIN";
        picture.rows.push(("1 echo".to_owned(), vec![echo]));
    }
    Ok(scenes)
}

pub(super) fn lines(scenes: &[Scene], columns: usize) -> Vec<PictureLine> {
    let lines = scenes.iter().map(|(text, picture)| {
        let picture = layout::lines(picture, columns);
        let plain = |text: &&str| line(*text, Ink::Plain);
        match &text[..] {
            [title, command, sentences @ ..] => [
                vec![line(*title, Ink::Title), plain(command), Vec::new()],
                picture,
                vec![Vec::new()],
                sentences.iter().map(plain).collect(),
            ]
            .concat(),
            _ => picture,
        }
    });
    lines
        .collect::<Vec<_>>()
        .join(&[Vec::new(), Vec::new()][..])
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
