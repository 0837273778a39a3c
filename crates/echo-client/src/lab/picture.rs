//! An outcome as rows of pieces.

use std::ops::Range;

use proto::Escaped;

use super::{
    codec::Message,
    experiment::{Chunk, Experiment, Observation},
};

/// As many messages are named that came out wrong.
const MOST_NAMED: usize = 10;

pub(super) struct Picture {
    /// Bytes of the stream, which is what the rows are a scale of.
    pub(super) len: usize,
    /// Where each message ends: what belongs to it has its colour.
    pub(super) ends: Vec<usize>,
    pub(super) rows: Vec<PictureRow>,
    pub(super) verdict: String,
}

pub(super) struct PictureRow {
    pub(super) name: String,
    pub(super) pieces: Vec<Piece>,
}

pub(super) struct Piece {
    pub(super) span: Range<usize>,
    pub(super) label: String,
}

impl Picture {
    /// With the times of writes and reads where they are what it is about.
    pub(super) fn of(experiment: &Experiment, outcome: &Observation) -> Self {
        let sent = &experiment.messages;
        let has_times = experiment.nagle || experiment.pause.is_some();
        let chunk = |chunk: &Chunk| {
            let (span, at) = (&chunk.span, chunk.at.as_millis());
            if has_times {
                Piece::new(span, format!("{} at {at} ms", span.len()))
            } else {
                Piece::of_bytes(span)
            }
        };
        let text = |message: &Message| Escaped(&message.payload).to_string();
        let message = |message: &Message| Piece::new(&message.span, text(message));
        let understood = |message: &Message| {
            let mark = if has(sent, message) { '✓' } else { '✗' };
            Piece::new(&message.span, format!("{mark} {}", text(message)))
        };
        let mut rows = vec![
            PictureRow::of("message", sent, message),
            PictureRow::of("write", &outcome.writes, chunk),
        ];
        if let Some(segments) = &outcome.segments {
            rows.push(PictureRow::of("segment", segments, Piece::of_bytes));
        }
        rows.push(PictureRow::of("read", &outcome.reads, chunk));
        rows.push(PictureRow::of(
            "understood",
            &outcome.understood,
            understood,
        ));
        Self {
            len: experiment.stream.len(),
            ends: sent.iter().map(|message| message.span.end).collect(),
            rows,
            verdict: verdict(sent, &outcome.understood),
        }
    }

    /// Which message a byte belongs to.
    pub(super) fn owner(&self, byte: usize) -> Option<usize> {
        let owner = self.ends.partition_point(|end| *end <= byte);
        (owner < self.ends.len()).then_some(owner)
    }
}

impl PictureRow {
    fn of<T>(name: &str, items: &[T], piece: impl Fn(&T) -> Piece) -> Self {
        let count = items.len();
        let is_one = count == 1 || name == "understood";
        let s = if is_one { "" } else { "s" };
        Self {
            name: format!("{count} {name}{s}"),
            pieces: items.iter().map(piece).collect(),
        }
    }
}

impl Piece {
    pub(super) fn new(span: &Range<usize>, label: String) -> Self {
        let span = span.clone();
        Self { span, label }
    }

    fn of_bytes(span: &Range<usize>) -> Self {
        Self::new(span, span.len().to_string())
    }
}

/// Whether the same message is among others, which are in the stream's order.
fn has(messages: &[Message], message: &Message) -> bool {
    let start = |message: &Message| message.span.start;
    let found = messages.binary_search_by_key(&start(message), start).ok();
    found.and_then(|found| messages.get(found)) == Some(message)
}

/// Which messages came out as they were sent.
pub(super) fn right(sent: &[Message], understood: &[Message]) -> Vec<bool> {
    sent.iter()
        .map(|message| has(understood, message))
        .collect()
}

fn verdict(sent: &[Message], understood: &[Message]) -> String {
    let right = right(sent, understood);
    let wrong = right.iter().zip(1..).filter(|(is_right, _)| !**is_right);
    let wrong: Vec<String> = wrong.map(|(_, n): (_, usize)| n.to_string()).collect();
    let verdict = format!("right: {} of {}", sent.len() - wrong.len(), sent.len());
    match wrong.get(..MOST_NAMED) {
        _ if wrong.is_empty() => verdict,
        Some(first) if wrong.len() > MOST_NAMED => {
            format!("{verdict}; wrong: {}, ...", first.join(", "))
        }
        _ => format!("{verdict}; wrong: {}", wrong.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(payloads: &[&[u8]]) -> Vec<Message> {
        let mut start = 0;
        let message = |payload: &&[u8]| {
            let span = start..start + payload.len();
            start = span.end;
            Message {
                span,
                payload: payload.to_vec(),
            }
        };
        payloads.iter().map(message).collect()
    }

    #[test]
    fn a_message_is_right_where_it_was_sent() {
        let sent = messages(&[b"ab", b"ab", b"c"]);
        assert_eq!(right(&sent, &sent), [true; 3]);
        // The same text elsewhere in the stream is another message.
        let understood = messages(&[b"a", b"b", b"ab", b"c"]);
        assert_eq!(right(&sent, &understood), [false, true, true]);
        assert_eq!(right(&sent, &[]), [false; 3]);
    }

    #[test]
    fn a_verdict_names_what_is_wrong() {
        let sent = messages(&[b"a", b"b", b"c"]);
        assert_eq!(verdict(&sent, &sent), "right: 3 of 3");
        let understood = messages(&[b"a", b"bc"]);
        assert_eq!(verdict(&sent, &understood), "right: 1 of 3; wrong: 2, 3");
        let sent = messages(&[&b"a"[..]; 11]);
        let expected = "right: 0 of 11; wrong: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, ...";
        assert_eq!(verdict(&sent, &[]), expected);
    }
}
