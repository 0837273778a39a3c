//! Lines as SVG, by light and by dark.

use std::fmt::Write;

use super::layout::{Ink, PictureLine};

/// Columns of a picture.
pub(super) const COLUMNS: usize = 100;

const MARGIN: usize = 14;
/// Units of a character and of a line. No font is at hand to measure: text is
/// fitted to them.
const CHARACTER: usize = 9;
const LINE: usize = 24;
/// From the top of a line to the base of its text.
const BASE: usize = 15;
/// Classes `m0` and so on.
const COLORS: usize = 5;

const STYLE: &str = "\
svg { color-scheme: light dark; font: 15px ui-monospace, monospace; --page: #fff; --text: #1a1a1a;
  --m0: #b9e3ee; --m1: #f7dd9c; --m2: #eac6ea; --m3: #c5e5b4; --m4: #c9d4f7; }
@media (prefers-color-scheme: dark) { svg { --page: #16181c; --text: #e8e8e8;
  --m0: #17505f; --m1: #665010; --m2: #5f3162; --m3: #2f5a20; --m4: #324584; } }
text { fill: var(--text); white-space: pre; } .title { font-weight: bold; } .page { fill: var(--page); }
.m0 { fill: var(--m0); } .m1 { fill: var(--m1); } .m2 { fill: var(--m2); } .m3 { fill: var(--m3); }
.m4 { fill: var(--m4); }";

/// Draws lines of text, which nothing but this program writes: it has no markup.
pub(super) fn draw(lines: &[PictureLine]) -> String {
    let mut body = String::new();
    let mut y = MARGIN;
    for line in lines {
        let mut x = MARGIN;
        for run in line {
            let width = CHARACTER * run.text.chars().count();
            if let Ink::Message(message) = run.ink {
                let (class, height) = (message % COLORS, LINE - 3);
                let _ = writeln!(
                    body,
                    r#"<rect class="m{class}" x="{x}" y="{y}" width="{width}" height="{height}"/>"#
                );
            }
            let class = if run.ink == Ink::Title { "title" } else { "" };
            let (base, text) = (y + BASE, &run.text);
            let _ = writeln!(
                body,
                r#"<text class="{class}" x="{x}" y="{base}" textLength="{width}">{text}</text>"#
            );
            x += width;
        }
        y += LINE;
    }
    let (width, height) = (2 * MARGIN + CHARACTER * COLUMNS, y + MARGIN);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\">\n\
         <style>\n{STYLE}\n</style>\n<rect class=\"page\" width=\"100%\" height=\"100%\"/>\n\
         {body}</svg>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::{
        super::layout::{line, lines, tests::picture},
        *,
    };

    #[test]
    fn bytes_have_the_colour_of_their_message() {
        let mut drawn = lines(&picture(), 32);
        drawn.push(line("Title", Ink::Title));
        let svg = draw(&drawn);
        // Behind 11 columns of 9 units, and 8 more.
        for part in [
            r#"<rect class="m0" x="113" y="38" width="72" height="21"/>"#,
            r#"<text class="" x="113" y="53" textLength="72">├1├ 2 ├ </text>"#,
            r#"<rect class="m1" x="185" y="38" width="108" height="21"/>"#,
            r#"<text class="title" x="14" y="101" textLength="45">Title</text>"#,
        ] {
            assert!(svg.contains(part), "{part} in {svg}");
        }
    }
}
