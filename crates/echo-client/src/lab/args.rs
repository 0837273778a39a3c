//! The options of `lab`, and the [`Experiment`] that they ask for.

use std::{path::PathBuf, time::Duration};

use anyhow::Result;
use clap::{ArgAction, Parser};
use cli::{
    UsageError,
    args::{parse_count, parse_size, parse_span},
};

use super::{codec::Codec, experiment::Experiment, piece::Piece};

/// As many bytes arrive in a socket that is not read, with the usual buffers.
const MAX_BYTES: usize = 32 * 1024;

/// Draws how messages become writes, segments, reads and messages again, on a
/// connection within this process; without options, a guided tour
#[derive(Clone, Debug, Default, Parser, PartialEq, Eq)]
#[command(disable_help_flag = true)]
pub(crate) struct LabArgs {
    /// How the receiver finds messages [default: one-read; of --every-offset: each]
    #[arg(long, value_enum, value_name = "READER")]
    pub(super) reader: Option<Codec>,

    /// Messages to send; each second one has a line feed inside [default: 3]
    #[arg(long, value_name = "N", value_parser = parse_count)]
    messages: Option<u64>,

    /// Size of each message [default: 14]
    #[arg(long, value_name = "BYTES", value_parser = parse_size)]
    size: Option<u64>,

    /// Where in the stream a write ends and the next begins [default: behind each
    /// message]
    #[arg(long, value_name = "BYTES", value_delimiter = ',', value_parser = parse_size)]
    cut: Vec<u64>,

    /// After each write, wait until it is read, and this long [default: the
    /// receiver reads once all has arrived]
    #[arg(long, value_name = "DUR", value_parser = parse_span)]
    pub(super) pause: Option<Duration>,

    /// Maximum bytes per read [default: 32KiB]
    #[arg(long, value_name = "BYTES", value_parser = parse_size)]
    read_buffer: Option<u64>,

    /// Let Nagle's algorithm delay small writes, in a conversation, where the
    /// receiver delays acknowledgements
    #[arg(long)]
    pub(super) nagle: bool,

    /// Try every cut in two writes, and count what comes out right
    #[arg(long, conflicts_with_all = ["cut", "pause", "nagle", "svg"])]
    pub(super) every_offset: bool,

    /// Draw into this file, too
    #[arg(long, value_name = "FILE")]
    pub(super) svg: Option<PathBuf>,

    /// Print help
    #[arg(long, action = ArgAction::Help)]
    help: Option<bool>,
}

impl LabArgs {
    /// Whether nothing is asked for but the tour.
    pub(super) fn is_tour(&self) -> bool {
        let drawn_only = Self {
            svg: None,
            ..self.clone()
        };
        drawn_only == Self::default()
    }

    pub(super) fn experiment(&self) -> Result<Experiment> {
        self.experiment_with(self.reader.unwrap_or(Codec::OneRead))
    }

    pub(super) fn experiment_with(&self, codec: Codec) -> Result<Experiment> {
        let size = usize::try_from(self.size.unwrap_or(14)).unwrap_or(usize::MAX);
        let (mut stream, mut messages) = (Vec::new(), Vec::new());
        for number in 1..=self.messages.unwrap_or(3) {
            let (start, payload) = (stream.len(), payload(number, size.min(MAX_BYTES + 1)));
            stream.extend(codec.encode(&payload)?);
            if stream.len() > MAX_BYTES {
                let line = "--messages and --size: expected at most";
                let line = format!("{line} {MAX_BYTES} bytes with what the reader adds");
                return Err(UsageError(line).into());
            }
            messages.push(Piece::message(start..stream.len(), &payload));
        }
        Ok(Experiment {
            codec,
            ends: self.ends(&messages, stream.len())?,
            messages,
            stream,
            pause: self.pause,
            // As large as the largest stream.
            read_buffer: self.read_buffer.map_or(MAX_BYTES, bounded),
            nagle: self.nagle,
        })
    }

    /// Where writes end.
    fn ends(&self, messages: &[Piece], len: usize) -> Result<Vec<usize>> {
        if self.cut.is_empty() {
            return Ok(messages.iter().map(|message| message.span.end).collect());
        }
        let cuts = self.cut.iter().map(|&cut| bounded(cut));
        let ends: Vec<usize> = cuts.chain([len]).collect();
        if ends.is_sorted_by(|a, b| a < b) {
            return Ok(ends);
        }
        let line = format!("--cut: expected ascending numbers below {len}, the stream's bytes");
        Err(UsageError(line).into())
    }
}

/// As much of a number of bytes as matters.
fn bounded(bytes: u64) -> usize {
    usize::try_from(bytes).map_or(MAX_BYTES, |bytes| bytes.min(MAX_BYTES))
}

/// `1 hello world! `, over and over; of each second one, with a line feed inside.
fn payload(number: u64, size: usize) -> Vec<u8> {
    let gap = if number.is_multiple_of(2) { '\n' } else { ' ' };
    let text = format!("{number} hello{gap}world! ");
    text.bytes().cycle().take(size).collect()
}
