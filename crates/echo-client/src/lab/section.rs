//! A picture and the text around it.

use anyhow::Result;

use super::{
    args::LabArgs,
    codec::Codec,
    layout::{self, Ink, Line, line},
    picture::Picture,
};

/// A picture and the text around it: none, or a title, a command and sentences.
pub(super) struct TourSection {
    pub(super) text: Vec<&'static str>,
    pub(super) picture: Picture,
}

impl TourSection {
    /// Runs the experiment of `args`.
    pub(super) fn of(args: &LabArgs) -> Result<Self> {
        let experiment = args.experiment(args.reader.unwrap_or(Codec::OneRead))?;
        let picture = Picture::of(&experiment, &experiment.run()?);
        let text = Vec::new();
        Ok(Self { text, picture })
    }

    pub(super) fn lines(&self, columns: usize) -> Vec<Line> {
        let mut lines = layout::lines(&self.picture, columns);
        if let [title, command, sentences @ ..] = &self.text[..] {
            let above = [
                line(*title, Ink::Title),
                line(*command, Ink::Plain),
                Vec::new(),
            ];
            lines.splice(..0, above);
            lines.push(Vec::new());
            lines.extend(sentences.iter().map(|text| line(*text, Ink::Plain)));
        }
        lines
    }
}
