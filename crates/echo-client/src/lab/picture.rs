//! An outcome as rows of pieces.

use std::collections::HashSet;

use cli::format::plural;

use super::{
    experiment::{Experiment, Observation},
    piece::Piece,
};

/// As many messages are named that came out wrong.
const MOST_NAMED: usize = 10;

pub(super) struct Picture {
    /// Where each message ends: what belongs to it has its colour. The last one is
    /// what the rows are a scale of.
    pub(super) ends: Vec<usize>,
    /// Each with its name.
    pub(super) rows: Vec<(String, Vec<Piece>)>,
    pub(super) verdict: String,
}

impl Picture {
    pub(super) fn of(experiment: &Experiment) -> anyhow::Result<Self> {
        let Observation {
            writes,
            segments,
            reads,
            mut understood,
        } = experiment.run()?;
        let sent = &experiment.messages;
        let verdict = verdict(&right(sent, &understood));
        let marks = right(&understood, sent);
        for (piece, is_right) in understood.iter_mut().zip(marks) {
            let mark = if is_right { '✓' } else { '✗' };
            piece.label = format!("{mark} {}", piece.label);
        }
        let count = understood.len();
        let mut rows = vec![row("message", sent.clone()), row("write", writes)];
        rows.extend(segments.map(|segments| row("segment", segments)));
        rows.extend([
            row("read", reads),
            (format!("{count} understood"), understood),
        ]);
        Ok(Self {
            ends: sent.iter().map(|message| message.span.end).collect(),
            rows,
            verdict,
        })
    }

    /// Bytes of the stream.
    pub(super) fn len(&self) -> usize {
        self.ends.last().copied().unwrap_or_default()
    }

    /// Which message a byte belongs to.
    pub(super) fn owner(&self, byte: usize) -> Option<usize> {
        let owner = self.ends.partition_point(|end| *end <= byte);
        (owner < self.ends.len()).then_some(owner)
    }
}

fn row(name: &str, pieces: Vec<Piece>) -> (String, Vec<Piece>) {
    (plural(pieces.len() as u64, name), pieces)
}

/// Which messages are among others, at the same place.
pub(super) fn right(messages: &[Piece], others: &[Piece]) -> Vec<bool> {
    let others: HashSet<&Piece> = others.iter().collect();
    let is_right = messages.iter().map(|message| others.contains(message));
    is_right.collect()
}

fn verdict(right: &[bool]) -> String {
    let wrong = right.iter().zip(1..).filter(|(is_right, _)| !**is_right);
    let mut wrong: Vec<String> = wrong.map(|(_, n): (_, usize)| n.to_string()).collect();
    let verdict = format!("right: {} of {}", right.len() - wrong.len(), right.len());
    if wrong.is_empty() {
        return verdict;
    }
    if wrong.len() > MOST_NAMED {
        wrong.truncate(MOST_NAMED);
        wrong.push("...".to_owned());
    }
    format!("{verdict}; wrong: {}", wrong.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(payloads: &[&str]) -> Vec<Piece> {
        let mut start = 0;
        let message = |payload: &&str| {
            let span = start..start + payload.len();
            start = span.end;
            Piece::message(span, payload.as_bytes())
        };
        payloads.iter().map(message).collect()
    }

    #[test]
    fn a_message_is_right_where_it_was_sent() {
        let sent = messages(&["ab", "ab", "c"]);
        assert_eq!(right(&sent, &sent), [true; 3]);
        // The same text elsewhere in the stream is another message.
        let understood = messages(&["a", "b", "ab", "c"]);
        assert_eq!(right(&sent, &understood), [false, true, true]);
        assert_eq!(right(&sent, &[]), [false; 3]);
    }

    #[test]
    fn a_verdict_names_what_is_wrong() {
        assert_eq!(verdict(&[true; 3]), "right: 3 of 3");
        let expected = "right: 1 of 3; wrong: 2, 3";
        assert_eq!(verdict(&[true, false, false]), expected);
        let expected = "right: 0 of 11; wrong: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, ...";
        assert_eq!(verdict(&[false; 11]), expected);
    }
}
