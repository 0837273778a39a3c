//! A piece of the stream: a message, a write, a segment or a read.

use std::ops::Range;

use proto::Escaped;

/// Bytes of the stream that belong together, and what is told of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Piece {
    pub(super) span: Range<usize>,
    pub(super) label: String,
}

impl Piece {
    /// With the number of its bytes.
    pub(super) fn sized(span: Range<usize>) -> Self {
        let label = span.len().to_string();
        Self { span, label }
    }

    /// With its text.
    pub(super) fn message(span: Range<usize>, payload: &[u8]) -> Self {
        let label = Escaped(payload).to_string();
        Self { span, label }
    }
}
