//! How messages go on the wire, and how a receiver finds them again.

use std::ops::Range;

use base64::{Engine, prelude::BASE64_STANDARD};
use clap::ValueEnum;
use proto::{Reader, Received, Wire, Writer};

const DELIMITER: u8 = b'\n';

/// How a receiver tells where a message ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Codec {
    /// One read is taken for one message
    OneRead,
    /// A line feed ends a message
    Delimiter,
    /// A line feed ends a message, which is base64 and has none inside
    Base64Delimiter,
    /// The length stands in front
    Framed,
}

/// A message, and its bytes in the stream with all that belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) span: Range<usize>,
    pub(super) payload: Vec<u8>,
}

impl Codec {
    /// A message as it goes on the wire.
    pub(super) fn encode(self, payload: &[u8]) -> Result<Vec<u8>, proto::FrameError> {
        Ok(match self {
            Self::OneRead => payload.to_vec(),
            Self::Delimiter => [payload, &[DELIMITER]].concat(),
            Self::Base64Delimiter => (BASE64_STANDARD.encode(payload) + "\n").into_bytes(),
            Self::Framed => {
                let mut writer = Writer::new(Wire::default());
                writer.add(payload)?;
                writer.as_bytes().to_vec()
            }
        })
    }
}

/// The receiver's side: reads in, messages out.
pub(super) struct Decoder {
    codec: Codec,
    /// Bytes of the stream that messages were found in.
    done: usize,
    /// The part of a message behind them.
    partial: Vec<u8>,
    frames: Reader,
}

impl Decoder {
    pub(super) fn new(codec: Codec) -> Self {
        Self {
            codec,
            done: 0,
            partial: Vec::new(),
            frames: Reader::new(Wire::default()),
        }
    }

    /// Takes what one read brought; returns the messages that are whole by then.
    pub(super) fn feed(&mut self, mut read: &[u8]) -> Result<Vec<Message>, proto::Error> {
        let mut messages = Vec::new();
        let done = &mut self.done;
        let mut add = |len: usize, payload: &[u8]| {
            let (span, payload) = (*done..*done + len, payload.to_vec());
            *done = span.end;
            messages.push(Message { span, payload });
        };
        match self.codec {
            Codec::OneRead => add(read.len(), read),
            Codec::Delimiter | Codec::Base64Delimiter => {
                self.partial.extend_from_slice(read);
                while let Some(end) = self.partial.iter().position(|byte| *byte == DELIMITER) {
                    let line: Vec<u8> = self.partial.drain(..=end).take(end).collect();
                    let is_base64 = self.codec == Codec::Base64Delimiter;
                    let decoded = is_base64.then(|| BASE64_STANDARD.decode(&line).ok());
                    add(end + 1, &decoded.flatten().unwrap_or(line));
                }
            }
            Codec::Framed => {
                let mut scratch = Vec::new();
                while !read.is_empty()
                    && let Received::Batch(batch) = self.frames.read(&mut read)?
                {
                    for (frame, bytes) in batch.frames().zip(batch.chunks(1)) {
                        add(bytes.len(), frame.payload(&mut scratch)?);
                    }
                }
            }
        }
        Ok(messages)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// What a receiver makes of two messages in such reads.
    fn understood(codec: Codec, reads: &[usize]) -> Vec<(Range<usize>, String)> {
        let sent = [&b"a b"[..], b"c\nd"].map(|payload| codec.encode(payload).unwrap());
        let stream = sent.concat();
        let mut decoder = Decoder::new(codec);
        let (mut messages, mut rest) = (Vec::new(), stream.as_slice());
        for len in reads.iter().copied().chain([usize::MAX]) {
            let (read, behind) = rest.split_at(len.min(rest.len()));
            messages.extend(decoder.feed(read).unwrap());
            rest = behind;
        }
        let text = |payload| String::from_utf8(payload).unwrap();
        let pair = |message: Message| (message.span, text(message.payload));
        messages.into_iter().map(pair).collect()
    }

    fn pairs(expected: &[(Range<usize>, &str)]) -> Vec<(Range<usize>, String)> {
        let own = |(span, text): &(Range<usize>, &str)| (span.clone(), (*text).to_owned());
        expected.iter().map(own).collect()
    }

    #[test]
    fn one_read_is_one_message_right_or_wrong() {
        let codec = Codec::OneRead;
        assert_eq!(understood(codec, &[]), pairs(&[(0..6, "a bc\nd")]));
        assert_eq!(
            understood(codec, &[3]),
            pairs(&[(0..3, "a b"), (3..6, "c\nd")])
        );
        assert_eq!(
            understood(codec, &[2]),
            pairs(&[(0..2, "a "), (2..6, "bc\nd")])
        );
    }

    #[test]
    fn the_others_do_not_depend_on_reads() {
        for (codec, expected) in [
            (
                Codec::Delimiter,
                pairs(&[(0..4, "a b"), (4..6, "c"), (6..8, "d")]),
            ),
            (
                Codec::Base64Delimiter,
                pairs(&[(0..5, "a b"), (5..10, "c\nd")]),
            ),
            (Codec::Framed, pairs(&[(0..7, "a b"), (7..14, "c\nd")])),
        ] {
            for first in 0..14 {
                assert_eq!(understood(codec, &[first]), expected, "{codec:?} {first}");
            }
            assert_eq!(understood(codec, &[1; 14]), expected, "{codec:?}");
        }
    }
}
