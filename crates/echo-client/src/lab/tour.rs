//! The guided tour: experiments by their command lines, and what they show.

use anyhow::Result;
use clap::{Args, Command, FromArgMatches};

use super::{
    Section,
    args::LabArgs,
    picture::{Piece, Row},
};

struct Stop {
    title: &'static str,
    /// Options of `echo-client lab`.
    options: &'static str,
    /// What is in a picture's width of text.
    sentences: [&'static str; 2],
    /// Whether it is about the end of the stream and what comes after it.
    half_closes: bool,
}

const STOPS: [Stop; 6] = [
    Stop {
        title: "1 Sticky messages",
        options: "--reader one-read",
        sentences: [
            "TCP carries bytes, not messages: what three writes sent, one read returns.",
            "A receiver that takes a read for a message understands one, a wrong one.",
        ],
        half_closes: false,
    },
    Stop {
        title: "2 Split messages",
        options: "--reader one-read --messages 2 --read-buffer 10",
        sentences: [
            "A read returns at most what its buffer holds: messages are split as well.",
            "A larger buffer does not help, since a segment can end anywhere, too.",
        ],
        half_closes: false,
    },
    Stop {
        title: "3 A delimiter inside a message",
        options: "--reader delimiter",
        sentences: [
            "A line feed behind each message ends it, however the stream is read.",
            "Message 2 has one inside and is cut there: see --reader base64-delimiter.",
        ],
        half_closes: false,
    },
    Stop {
        title: "4 Frames",
        options: "--reader framed --cut 2,20 --read-buffer 10",
        sentences: [
            "The length in front of each message says where it ends, whatever is inside.",
            "Only the last write and read end where a message does, and all are right.",
        ],
        half_closes: false,
    },
    Stop {
        title: "5 Nagle's algorithm and the delayed acknowledgement",
        options: "--reader framed --messages 1 --cut 4 --nagle",
        sentences: [
            "A header in a write of its own: the payload waits until it is acknowledged.",
            "Linux delays that for 40 ms in the hope of a reply; one write has no wait.",
        ],
        half_closes: false,
    },
    Stop {
        title: "6 Half-close",
        options: "--reader framed --messages 2",
        sentences: [
            "The sender shuts its direction down (FIN) before anything is read.",
            "The other direction stays open: the whole echo comes back, then its FIN.",
        ],
        half_closes: true,
    },
];

pub(super) fn sections() -> Result<Vec<Section>> {
    STOPS.iter().map(Stop::section).collect()
}

impl Stop {
    /// Runs what its command would.
    fn section(&self) -> Result<Section> {
        let command = LabArgs::augment_args(Command::new("lab").disable_help_flag(true));
        let words = ["lab"].into_iter().chain(self.options.split(' '));
        let args = LabArgs::from_arg_matches(&command.try_get_matches_from(words)?)?;
        let mut section = Section::of(&args)?;
        let command = format!("$ echo-client lab {}", self.options);
        section.heading = vec![self.title.to_owned(), command];
        section.sentences = self.sentences.map(str::to_owned).into();
        if self.half_closes {
            let len = section.picture.len;
            let label = format!("{len} bytes back, after the FIN");
            let pieces = vec![Piece::new(&(0..len), label)];
            let name = "1 echo".to_owned();
            section.picture.rows.push(Row { name, pieces });
        }
        Ok(section)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_fit_beside_the_pictures() {
        for line in STOPS.iter().flat_map(|stop| stop.sentences) {
            assert!(line.len() <= 79, "{line}");
        }
    }
}
