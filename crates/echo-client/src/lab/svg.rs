//! Pictures as SVG, by light and by dark.

use std::fmt::Write;

use super::{
    TourSection,
    picture::{Picture, Piece},
};

const WIDTH: f64 = 900.0;
/// Where rows begin, behind their names.
const LEFT: f64 = 126.0;
const MARGIN: f64 = 14.0;
const LINE: f64 = 24.0;
const PIECE: f64 = 20.0;
/// From the top of a line of text to its base.
const BASE: f64 = 14.5;
/// More than a character takes: no font is at hand to measure it.
const CHARACTER: f64 = 7.4;
/// Classes `m0` and so on.
const COLORS: usize = 5;

const STYLE: &str = "\
svg { color-scheme: light dark; background: var(--page); font: 12px ui-monospace, monospace;
  --page: #fff; --text: #1a1a1a; --line: #5a5a5a; --wrong: #c00000;
  --m0: #b9e3ee; --m1: #f7dd9c; --m2: #eac6ea; --m3: #c5e5b4; --m4: #c9d4f7; }
@media (prefers-color-scheme: dark) { svg { --page: #16181c; --text: #e8e8e8; --line: #a0a4aa;
  --wrong: #ff7066; --m0: #17505f; --m1: #665010; --m2: #5f3162; --m3: #2f5a20; --m4: #324584; } }
text { fill: var(--text); white-space: pre; } .title { font-weight: bold; font-size: 15px; }
.piece { fill: none; stroke: var(--line); } .wrong { stroke: var(--wrong); stroke-width: 2.5; }
.m0 { fill: var(--m0); } .m1 { fill: var(--m1); } .m2 { fill: var(--m2); } .m3 { fill: var(--m3); }
.m4 { fill: var(--m4); }";

/// Draws all, one below the other.
pub(super) fn draw(sections: &[TourSection]) -> String {
    let mut body = String::new();
    let mut y = MARGIN;
    for section in sections {
        for (n, line) in section.heading.iter().enumerate() {
            let class = if n == 0 { "title" } else { "" };
            text(&mut body, class, MARGIN, &mut y, line);
        }
        rows(&mut body, &section.picture, &mut y);
        for line in &section.sentences {
            text(&mut body, "", MARGIN, &mut y, line);
        }
        y += MARGIN;
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {y}\">\n\
         <style>\n{STYLE}\n</style>\n<rect width=\"100%\" height=\"100%\" fill=\"var(--page)\"/>\n\
         {body}</svg>\n"
    )
}

fn rows(body: &mut String, picture: &Picture, y: &mut f64) {
    let scale = (WIDTH - LEFT - MARGIN) / picture.len.max(1) as f64;
    for row in &picture.rows {
        for piece in &row.pieces {
            draw_piece(body, picture, piece, scale, *y);
        }
        text(body, "", MARGIN, y, &row.name);
    }
    text(body, "", LEFT, y, &picture.verdict);
}

/// The colours of the messages that a piece has bytes of, its frame, its label.
fn draw_piece(body: &mut String, picture: &Picture, piece: &Piece, scale: f64, y: f64) {
    let mut rect = |class: &str, start: usize, end: usize| {
        let (x, width) = (LEFT + start as f64 * scale, (end - start) as f64 * scale);
        let _ = writeln!(
            body,
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y}\" width=\"{width:.1}\" height=\"{PIECE}\"/>"
        );
    };
    let (mut start, end) = (piece.span.start, piece.span.end);
    while start < end {
        let owner = picture.owner(start);
        let stop = picture.ends.get(owner).map_or(end, |stop| end.min(*stop));
        rect(&format!("m{}", owner % COLORS), start, stop);
        start = stop;
    }
    rect(
        if piece.is_wrong {
            "piece wrong"
        } else {
            "piece"
        },
        piece.span.start,
        end,
    );
    let mut room = piece.span.len() as f64 * scale - CHARACTER;
    let fits = |_: &char| {
        room -= CHARACTER;
        room >= 0.0
    };
    let label: String = piece.label.chars().take_while(fits).collect();
    let x = LEFT + piece.span.start as f64 * scale + CHARACTER / 2.0;
    text(body, "", x, &mut { y }, &label);
}

/// A line of text, which nothing but this program writes: it has no markup.
fn text(body: &mut String, class: &str, x: f64, y: &mut f64, line: &str) {
    let base = *y + BASE;
    let _ = writeln!(
        body,
        "<text class=\"{class}\" x=\"{x:.1}\" y=\"{base}\">{line}</text>"
    );
    *y += LINE;
}

#[cfg(test)]
mod tests {
    use super::{super::picture::PictureRow, *};

    #[test]
    fn a_piece_has_the_colours_of_its_messages() {
        let mut piece = Piece::new(&(0..10), "10".to_owned());
        piece.is_wrong = true;
        let row = PictureRow {
            name: "1 read".to_owned(),
            pieces: vec![piece],
        };
        let section = TourSection {
            heading: vec!["Title".to_owned()],
            picture: Picture {
                len: 10,
                ends: vec![4, 10],
                rows: vec![row],
                verdict: "right: 0 of 2".to_owned(),
            },
            sentences: Vec::new(),
        };
        let svg = draw(&[section]);
        // 900 - 126 - 14 units for ten bytes.
        for part in [
            "<text class=\"title\" x=\"14.0\" y=\"28.5\">Title</text>",
            "<rect class=\"m0\" x=\"126.0\" y=\"38\" width=\"304.0\" height=\"20\"/>",
            "<rect class=\"m1\" x=\"430.0\" y=\"38\" width=\"456.0\" height=\"20\"/>",
            "<rect class=\"piece wrong\" x=\"126.0\" y=\"38\" width=\"760.0\" height=\"20\"/>",
            ">10</text>",
            ">1 read</text>",
            ">right: 0 of 2</text>",
        ] {
            assert!(svg.contains(part), "{part} in {svg}");
        }
    }
}
