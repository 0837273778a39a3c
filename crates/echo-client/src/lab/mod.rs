//! `lab`: what becomes of messages on a connection, as a picture.
//!
//! | file | what |
//! | --- | --- |
//! | `args` | the options, and the experiment that they ask for |
//! | `codec` | how messages go on the wire, and how a receiver finds them again |
//! | `experiment` | one connection: what was written, read and understood |
//! | `segments` | what the kernel sent |
//! | `picture` | all of it as rows of pieces |
//! | `section` | a picture and the text around it |
//! | `layout` | a picture as lines, to scale |
//! | `text`, `svg` | lines drawn |
//! | `offsets` | every cut of a stream |
//! | `tour` | the guided tour |

use std::io;

use anyhow::Result;
use cli::OutputFile;
use terminal_size::{Width, terminal_size_of};

pub(crate) mod args;
mod codec;
mod experiment;
mod layout;
mod offsets;
mod picture;
mod section;
mod segments;
mod svg;
mod text;
mod tour;

use args::LabArgs;
use section::TourSection;

/// Columns where stdout is not a terminal.
const COLUMNS: usize = 80;

/// Runs what is asked for, draws it on stdout and, if wanted, into a file.
pub(crate) fn run(args: &LabArgs) -> Result<()> {
    let columns =
        terminal_size_of(io::stdout()).map_or(COLUMNS, |(Width(columns), _)| columns.into());
    if args.every_offset {
        return cli::print(offsets::table(args, columns)?.trim_end());
    }
    let file = args.svg.as_deref().map(OutputFile::check).transpose()?;
    let sections = if args.is_tour() {
        tour::sections()?
    } else {
        vec![TourSection::of(args)?]
    };
    let lines = |columns| {
        let sections = sections.iter().map(|section| section.lines(columns));
        let sections: Vec<_> = sections.collect();
        sections.join(&[Vec::new(), Vec::new()][..])
    };
    if let Some(file) = file {
        file.create()?.write(&svg::draw(&lines(svg::COLUMNS)))?;
    }
    let has_color = cli::has_color(&io::stdout());
    cli::print(text::draw(&lines(columns), has_color))
}
