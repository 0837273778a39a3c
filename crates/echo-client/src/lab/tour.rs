//! The guided tour: experiments by their command lines, and what they show.

use anyhow::Result;
use clap::{Args, Command, FromArgMatches};

use super::{
    TourSection,
    args::LabArgs,
    picture::{PictureRow, Piece},
};

/// A title, the options of `echo-client lab`, and what is to be seen.
type Scene = (&'static str, &'static str, [&'static str; 2]);

const SCENES: [Scene; 6] = [
    (
        "1 Sticky messages",
        "--reader one-read",
        [
            "TCP carries bytes, not messages: what three writes sent, one read returns.",
            "A receiver that takes a read for a message understands one, a wrong one.",
        ],
    ),
    (
        "2 Split messages",
        "--reader one-read --messages 2 --read-buffer 10",
        [
            "A read returns at most what its buffer holds: messages are split as well.",
            "A larger buffer does not help, since a segment can end anywhere, too.",
        ],
    ),
    (
        "3 A delimiter inside a message",
        "--reader delimiter",
        [
            "A line feed behind each message ends it, however the stream is read.",
            "Message 2 has one inside and is cut there: see --reader base64-delimiter.",
        ],
    ),
    (
        "4 Frames",
        "--reader framed --cut 2,20 --read-buffer 10",
        [
            "The length in front of each message says where it ends, whatever is inside.",
            "Only the last write and read end where a message does, and all are right.",
        ],
    ),
    (
        "5 Nagle's algorithm and the delayed acknowledgement",
        "--reader framed --messages 1 --cut 4 --nagle",
        [
            "A header in a write of its own: the payload waits until it is acknowledged.",
            "Linux delays that for 40 ms in the hope of a reply; one write has no wait.",
        ],
    ),
    (
        "6 Half-close",
        "--reader framed --messages 2",
        [
            "The sender shuts its direction down (FIN) before anything is read.",
            "The other direction stays open: the whole echo comes back, then its FIN.",
        ],
    ),
];

pub(super) fn sections() -> Result<Vec<TourSection>> {
    let mut sections = SCENES.iter().map(section).collect::<Result<Vec<_>>>()?;
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
fn section((title, options, sentences): &Scene) -> Result<TourSection> {
    let command = LabArgs::augment_args(Command::new("lab").disable_help_flag(true));
    let words = ["lab"].into_iter().chain(options.split(' '));
    let args = LabArgs::from_arg_matches(&command.try_get_matches_from(words)?)?;
    let mut section = TourSection::of(&args)?;
    let command = format!("$ echo-client lab {options}");
    section.heading = vec![(*title).to_owned(), command];
    section.sentences = sentences.map(str::to_owned).into();
    Ok(section)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_fit_beside_the_pictures() {
        for line in SCENES.iter().flat_map(|(_, _, sentences)| sentences) {
            assert!(line.len() <= 79, "{line}");
        }
    }
}
