//! The options of `lab`, and the [`Experiment`] that they ask for.

use std::{path::PathBuf, time::Duration};

use anyhow::Result;
use clap::ArgAction;
use cli::{
    UsageError,
    args::{parse_count, parse_size, parse_span},
};

use super::{
    codec::{Codec, Message},
    experiment::Experiment,
};

/// As many bytes arrive in a socket that is not read, with the usual buffers.
const MAX_BYTES: u64 = 32 * 1024;

/// Draws how messages become writes, segments, reads and messages again, on a
/// connection within this process; without options, a guided tour
#[derive(clap::Args, Clone, Debug, Default, PartialEq, Eq)]
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

    /// The experiment with a codec.
    pub(super) fn experiment(&self, codec: Codec) -> Result<Experiment> {
        let (count, size) = (self.messages.unwrap_or(3), self.size.unwrap_or(14));
        let check = |bytes: u64| {
            let line = format!("--messages and --size make {bytes} bytes or more");
            let line = format!("{line}: expected at most {MAX_BYTES}");
            (bytes <= MAX_BYTES).then_some(()).ok_or(UsageError(line))
        };
        check(count.saturating_mul(size))?;
        let (mut stream, mut messages) = (Vec::new(), Vec::new());
        for number in 1..=count {
            let (start, payload) = (stream.len(), payload(number, size));
            stream.extend(codec.encode(&payload)?);
            check(stream.len() as u64)?;
            let span = start..stream.len();
            messages.push(Message { span, payload });
        }
        Ok(Experiment {
            ends: self.ends(&messages, stream.len())?,
            codec,
            messages,
            stream,
            pause: self.pause,
            // As large as the largest stream.
            read_buffer: self.read_buffer.unwrap_or(MAX_BYTES).min(MAX_BYTES),
            nagle: self.nagle,
        })
    }

    /// Where writes end.
    fn ends(&self, messages: &[Message], len: usize) -> Result<Vec<usize>> {
        if self.cut.is_empty() {
            return Ok(messages.iter().map(|message| message.span.end).collect());
        }
        let cuts = self.cut.iter().map(|&cut| usize::try_from(cut));
        let ends = cuts.map(|cut| cut.unwrap_or(usize::MAX)).chain([len]);
        let ends: Vec<usize> = ends.collect();
        if ends.is_sorted_by(|a, b| a < b) {
            return Ok(ends);
        }
        let line = format!("--cut: expected ascending numbers below {len}, the stream's bytes");
        Err(UsageError(line).into())
    }
}

/// `1 hello world! `, over and over; of each second one, with a line feed inside.
fn payload(number: u64, size: u64) -> Vec<u8> {
    let gap = if number.is_multiple_of(2) { '\n' } else { ' ' };
    let text = format!("{number} hello{gap}world! ");
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    text.bytes().cycle().take(size).collect()
}
