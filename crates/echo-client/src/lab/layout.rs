//! A picture as lines of characters, to scale, for whatever draws it.

use std::iter;

use super::{picture::Picture, piece::Piece};

/// Fewest columns of a row.
const MIN_WIDTH: usize = 5;

/// What a text is shown in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ink {
    Plain,
    Title,
    /// The colour of a message, by its place.
    Message(usize),
}

/// A part of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) text: String,
    pub(super) ink: Ink,
}

pub(super) type PictureLine = Vec<Run>;

/// A line in one ink.
pub(super) fn line(text: impl Into<String>, ink: Ink) -> PictureLine {
    let text = text.into();
    vec![Run { text, ink }]
}

/// A line for each row, and the verdict, on so many columns.
pub(super) fn lines(picture: &Picture, columns: usize) -> Vec<PictureLine> {
    let names = picture.rows.iter().map(|(name, _)| name.len()).max();
    let names = names.unwrap_or_default();
    // A blank behind the name, and the end of the last piece.
    let width = columns.saturating_sub(names + 2).max(MIN_WIDTH);
    let owner = |column: usize| picture.owner(column * picture.len() / width);
    let rows = picture.rows.iter().map(|(name, pieces)| {
        let mut runs = line(format!("{name:<names$} "), Ink::Plain);
        for (column, cell) in cells(pieces, picture.len(), width).chars().enumerate() {
            let ink = owner(column).map_or(Ink::Plain, Ink::Message);
            match runs.last_mut() {
                Some(run) if run.ink == ink => run.text.push(cell),
                _ => runs.extend(line(cell, ink)),
            }
        }
        runs
    });
    let verdict = format!("{:<names$} {}", "", picture.verdict);
    rows.chain(iter::once(line(verdict, Ink::Plain))).collect()
}

/// A row's characters. A byte begins at the first column that is wholly behind
/// where it does, so that each column belongs to one byte.
fn cells(pieces: &[Piece], len: usize, width: usize) -> String {
    let column = |byte: usize| (byte * width).div_ceil(len.max(1));
    let shown = pieces.iter().map(|piece| {
        let (start, end) = (column(piece.span.start), column(piece.span.end));
        shown(&piece.label, end - start)
    });
    shown.chain(pieces.last().map(|_| "┤".to_owned())).collect()
}

/// A piece of so many columns, with as much of its label as fits.
fn shown(label: &str, width: usize) -> String {
    let Some(room) = width.checked_sub(1) else {
        return String::new();
    };
    let len = label.chars().count();
    let label = match room {
        _ if len + 2 <= room => format!(" {label} "),
        _ if len <= room => label.to_owned(),
        0..3 => String::new(),
        _ => label.chars().take(room - 1).chain(['…']).collect(),
    };
    format!("├{label:─<room$}")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn row(name: &str, ends: &[usize], labels: &[&str]) -> (String, Vec<Piece>) {
        let starts = [0].iter().chain(ends);
        let spans = starts.zip(ends).map(|(start, end)| *start..*end);
        let piece = |(span, label): (_, &&str)| Piece {
            span,
            label: (*label).to_owned(),
        };
        (name.to_owned(), spans.zip(labels).map(piece).collect())
    }

    pub(in super::super) fn picture() -> Picture {
        Picture {
            ends: vec![4, 10],
            rows: vec![
                row("2 messages", &[4, 10], &["hi", "hello there"]),
                row("3 reads", &[1, 3, 10], &["1", "2", "7"]),
            ],
            verdict: "right: 0 of 2; wrong: 1, 2".to_owned(),
        }
    }

    fn text(columns: usize) -> Vec<String> {
        let lines = lines(&picture(), columns).into_iter();
        lines
            .map(|line| line.into_iter().map(|run| run.text).collect())
            .collect()
    }

    #[test]
    fn rows_are_cut_to_scale() {
        let expected = [
            "2 messages ├ hi ───├hello there┤",
            "3 reads    ├1├ 2 ├ 7 ──────────┤",
            "           right: 0 of 2; wrong: 1, 2",
        ];
        assert_eq!(text(32), expected);
        let expected = [
            "2 messages ├ hi ───────────├ hello there ──────────┤",
            "3 reads    ├ 1 ├ 2 ────├ 7 ────────────────────────┤",
            "           right: 0 of 2; wrong: 1, 2",
        ];
        assert_eq!(text(52), expected);
        // A row has as many columns as there are, but for very few.
        for columns in [20, 32, 80, 140] {
            let rows = &text(columns)[..2];
            assert!(rows.iter().all(|row| row.chars().count() == columns));
        }
        assert_eq!(text(0), text(17));
    }

    #[test]
    fn what_has_no_room_is_not_drawn() {
        assert_eq!(shown("1", 0), "");
        assert_eq!(shown("1", 1), "├");
        assert_eq!(shown("12", 2), "├─");
        assert_eq!(shown("12", 3), "├12");
        assert_eq!(shown("12345", 4), "├12…");
    }
}
