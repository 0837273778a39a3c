//! `lab`: what becomes of messages on a connection, as a picture.
//!
//! | file | what |
//! | --- | --- |
//! | `args` | the options, and the experiment that they ask for |
//! | `codec` | how messages go on the wire, and how a receiver finds them again |
//! | `experiment` | one connection: what was written, read and understood |
//! | `segments` | what the kernel sent |
//! | `piece`, `picture` | bytes that belong together, and rows of them |
//! | `layout` | a picture as lines, to scale |
//! | `text`, `svg` | lines drawn |
//! | `offsets` | every cut of a stream |
//! | `tour` | pictures with the text around them: the guided tour |

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
mod piece;
mod segments;
mod svg;
mod text;
mod tour;

use args::LabArgs;

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
    let scenes = tour::scenes(args)?;
    if let Some(file) = file {
        let lines = tour::lines(&scenes, svg::COLUMNS);
        file.create()?.write(&svg::draw(&lines))?;
    }
    let has_color = cli::has_color(&io::stdout());
    cli::print(text::draw(&tour::lines(&scenes, columns), has_color))
}
