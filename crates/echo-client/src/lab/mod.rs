//! `lab`: what becomes of messages on a connection, as a picture.
//!
//! | file | what |
//! | --- | --- |
//! | `args` | the options, and the experiment that they ask for |
//! | `codec` | how messages go on the wire, and how a receiver finds them again |
//! | `experiment` | one connection: what was written, read and understood |
//! | `segments` | what the kernel sent |
//! | `picture` | all of it as rows of pieces |
//! | `text`, `svg` | a picture drawn |
//! | `offsets` | every cut of a stream |
//! | `tour` | the guided tour |

use std::{fs, io};

use anyhow::{Context, Result};
use cli::signals::Stop;
use terminal_size::{Width, terminal_size_of};

mod args;
mod codec;
mod experiment;
mod offsets;
mod picture;
mod segments;
mod svg;
mod text;
mod tour;

pub(crate) use args::LabArgs;
use codec::Codec;
use picture::Picture;

/// Columns where stdout is not a terminal.
const COLUMNS: usize = 80;

/// A picture and the text around it.
struct TourSection {
    heading: Vec<String>,
    picture: Picture,
    sentences: Vec<String>,
}

impl TourSection {
    /// The experiment that is asked for, run.
    fn of(args: &LabArgs) -> Result<Self> {
        let experiment = args.experiment(args.reader.unwrap_or(Codec::OneRead))?;
        let picture = Picture::of(&experiment, &experiment.run()?);
        Ok(Self {
            heading: Vec::new(),
            picture,
            sentences: Vec::new(),
        })
    }

    fn draw(&self, columns: usize, has_color: bool) -> String {
        let picture = text::draw(&self.picture, columns, has_color);
        let picture = picture.trim_end().to_owned();
        let blocks = [self.heading.join("\n"), picture, self.sentences.join("\n")];
        let blocks = blocks.into_iter().filter(|block| !block.is_empty());
        blocks.collect::<Vec<_>>().join("\n\n")
    }
}

/// Runs what is asked for, draws it on stdout and, if wanted, into a file.
pub(crate) fn run(args: &LabArgs) -> Result<()> {
    // Without patience: a signal ends the program.
    let _stop = Stop::on_signals()?;
    let columns =
        terminal_size_of(io::stdout()).map_or(COLUMNS, |(Width(columns), _)| columns.into());
    if args.every_offset {
        return cli::print(offsets::table(args, columns)?.trim_end());
    }
    let sections = if args.is_tour() {
        tour::sections()?
    } else {
        vec![TourSection::of(args)?]
    };
    if let Some(path) = &args.svg {
        fs::write(path, svg::draw(&sections))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    let has_color = cli::has_color(&io::stdout());
    let drawn = sections
        .iter()
        .map(|section| section.draw(columns, has_color));
    cli::print(drawn.collect::<Vec<_>>().join("\n\n\n"))
}
