//! Lines of bytes, none of them longer than a limit.

use std::io::{self, BufRead};

/// Splits input into lines.
pub(crate) struct Lines<R> {
    input: R,
    /// Longest line, in bytes.
    max: usize,
    /// Whether the rest of a line that is too long is still to be skipped.
    is_skipping: bool,
    /// Whether the input has ended; a terminal could be read beyond its end.
    has_ended: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// A line without its end, CR LF or LF.
    Whole(Vec<u8>),
    /// A line over the limit, whose end may never come.
    TooLong,
    /// A line that is not text, so that the editor cannot hold it.
    NotUtf8,
}

impl<R: BufRead> Lines<R> {
    pub(crate) const fn new(input: R, max: usize) -> Self {
        Self {
            input,
            max,
            is_skipping: false,
            has_ended: false,
        }
    }

    /// Reads the next line; `None` at the end of the input.
    pub(crate) fn next(&mut self) -> io::Result<Option<Line>> {
        let mut line = Vec::new();
        while !self.has_ended {
            let chunk = match self.input.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            };
            self.has_ended = chunk.is_empty();
            let newline = chunk.iter().position(|&byte| byte == b'\n');
            let part = newline.map_or(chunk, |at| chunk.get(..at).unwrap_or_default());
            if !self.is_skipping {
                line.extend_from_slice(part);
            }
            let taken = newline.map_or(chunk.len(), |at| at + 1);
            self.input.consume(taken);
            if newline.is_some() {
                if !std::mem::take(&mut self.is_skipping) {
                    return Ok(Some(self.whole(line)));
                }
            } else if line.len() > self.max.saturating_add(1) {
                // One more may be the CR of its end.
                self.is_skipping = true;
                return Ok(Some(Line::TooLong));
            }
        }
        Ok((!line.is_empty()).then(|| self.whole(line)))
    }

    fn whole(&self, mut line: Vec<u8>) -> Line {
        while line.last() == Some(&b'\r') {
            line.pop();
        }
        if line.len() > self.max {
            Line::TooLong
        } else {
            Line::Whole(line)
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::BufReader;

    use super::*;

    /// All lines of at most 5 bytes, however small the pieces that come.
    fn lines(input: &[u8]) -> Vec<Line> {
        let mut all: Vec<Vec<Line>> = (1..=input.len().max(1))
            .map(|size| {
                let mut lines = Lines::new(BufReader::with_capacity(size, input), 5);
                std::iter::from_fn(|| lines.next().unwrap()).collect()
            })
            .collect();
        all.dedup();
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    fn whole(line: &[u8]) -> Line {
        Line::Whole(line.to_vec())
    }

    #[test]
    fn lines_end_with_lf_or_cr_lf_or_the_input() {
        assert_eq!(lines(b""), []);
        assert_eq!(lines(b"\n\r\n"), [whole(b""), whole(b"")]);
        assert_eq!(
            lines(b"12345\r\n12345\n\r1\n12345"),
            [
                whole(b"12345"),
                whole(b"12345"),
                whole(b"\r1"),
                whole(b"12345")
            ]
        );
    }

    #[test]
    fn a_line_over_the_limit_is_skipped() {
        assert_eq!(
            lines(b"1\n123456\n12345678901234567890\r\n2\n123456"),
            [
                whole(b"1"),
                Line::TooLong,
                Line::TooLong,
                whole(b"2"),
                Line::TooLong
            ]
        );
    }

    #[test]
    fn a_line_that_never_ends_is_refused() {
        let mut lines = Lines::new(BufReader::new(io::repeat(b'x')), 5);
        assert_eq!(lines.next().unwrap(), Some(Line::TooLong));
    }
}
