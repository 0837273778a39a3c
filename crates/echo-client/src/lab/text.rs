//! A picture as text.

use std::fmt::Write;

use clap::builder::styling::AnsiColor;

use super::picture::{Picture, PictureRow};

/// One after the other for messages, so that neighbours differ.
const COLORS: [AnsiColor; 5] = [
    AnsiColor::Cyan,
    AnsiColor::Yellow,
    AnsiColor::Magenta,
    AnsiColor::Green,
    AnsiColor::Blue,
];

/// Fewest columns of a row.
const MIN_WIDTH: usize = 20;

/// Draws on so many columns: a line for each row, and the verdict.
pub(super) fn draw(picture: &Picture, columns: usize, has_color: bool) -> String {
    let names = picture
        .rows
        .iter()
        .map(|row| row.name.len())
        .max()
        .unwrap_or_default();
    // A blank behind the name, and the end of the last piece.
    let width = columns.saturating_sub(names + 2).max(MIN_WIDTH);
    let mut text = String::new();
    for row in &picture.rows {
        let _ = write!(text, "{:<names$} ", row.name);
        let cells = cells(row, picture.len, width);
        if has_color {
            paint(&mut text, picture, &cells, width);
        } else {
            text.extend(&cells);
        }
        text.push('\n');
    }
    let _ = writeln!(text, "{:<names$} {}", "", picture.verdict);
    text
}

/// A row's characters. A byte begins at the first column that is wholly behind
/// where it does, so that each column belongs to one byte.
fn cells(row: &PictureRow, len: usize, width: usize) -> Vec<char> {
    let mut cells = vec![' '; width + 1];
    let column = |byte: usize| (byte * width).div_ceil(len.max(1));
    for piece in &row.pieces {
        let (start, end) = (column(piece.span.start), column(piece.span.end));
        let drawn = shown(&piece.label, end - start);
        for (cell, drawn) in cells.iter_mut().skip(start).zip(drawn.chars()) {
            *cell = drawn;
        }
        if let Some(cell) = cells.get_mut(end) {
            *cell = '┤';
        }
    }
    cells
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

/// Writes cells, each in the colour of the message that its byte belongs to.
fn paint(text: &mut String, picture: &Picture, cells: &[char], width: usize) {
    let owner = |column: usize| picture.owner(column * picture.len / width);
    let mut column = 0;
    while let Some(rest) = cells.get(column..).filter(|rest| !rest.is_empty()) {
        let message = owner(column);
        let same = rest
            .iter()
            .zip(column..)
            .take_while(|(_, column)| owner(*column) == message);
        let part: String = same.map(|(cell, _)| cell).collect();
        column += part.chars().count();
        match COLORS.get(message % COLORS.len()) {
            Some(color) if message < picture.ends.len() => {
                let style = color.on_default();
                let _ = write!(text, "{style}{part}{style:#}");
            }
            _ => text.push_str(&part),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::picture::Piece, *};

    fn row(name: &str, ends: &[usize], labels: &[&str]) -> PictureRow {
        let starts = [0].iter().chain(ends);
        let spans = starts.zip(ends).map(|(start, end)| *start..*end);
        let pieces = spans.zip(labels);
        PictureRow {
            name: name.to_owned(),
            pieces: pieces
                .map(|(span, label)| Piece::new(&span, (*label).to_owned()))
                .collect(),
        }
    }

    fn picture() -> Picture {
        Picture {
            len: 10,
            ends: vec![4, 10],
            rows: vec![
                row("2 messages", &[4, 10], &["hi", "hello there"]),
                row("3 reads", &[1, 3, 10], &["1", "2", "7"]),
            ],
            verdict: "right: 0 of 2; wrong: 1, 2".to_owned(),
        }
    }

    #[test]
    fn rows_are_cut_to_scale() {
        let expected = "\
2 messages ├ hi ───├hello there┤
3 reads    ├1├ 2 ├ 7 ──────────┤
           right: 0 of 2; wrong: 1, 2
";
        assert_eq!(draw(&picture(), 32, false), expected);
        let expected = "\
2 messages ├ hi ───────────├ hello there ──────────┤
3 reads    ├ 1 ├ 2 ────├ 7 ────────────────────────┤
           right: 0 of 2; wrong: 1, 2
";
        assert_eq!(draw(&picture(), 52, false), expected);
        // A row has as many columns as there are, but for very few.
        for columns in [32, 80, 140] {
            let text = draw(&picture(), columns, false);
            let widths = text.lines().take(2).map(|line| line.chars().count());
            assert!(widths.into_iter().all(|width| width == columns), "{text}");
        }
        assert_eq!(draw(&picture(), 0, false), draw(&picture(), 32, false));
    }

    #[test]
    fn bytes_have_the_colour_of_their_message() {
        let text = draw(&picture(), 32, true);
        let reads = text.lines().nth(1).unwrap_or_default();
        let (first, second) = ("\x1b[36m├1├ 2 ├ \x1b[0m", "\x1b[33m7 ──────────\x1b[0m┤");
        assert_eq!(reads, format!("3 reads    {first}{second}"));
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
