//! Lines for a terminal.

use clap::builder::styling::AnsiColor;

use super::layout::{Ink, PictureLine, Run};

/// One after the other for messages, so that neighbours differ.
const COLORS: [AnsiColor; 5] = [
    AnsiColor::Cyan,
    AnsiColor::Yellow,
    AnsiColor::Magenta,
    AnsiColor::Green,
    AnsiColor::Blue,
];

pub(super) fn draw(lines: &[PictureLine], has_color: bool) -> String {
    let paint = |run: &Run| match run.ink {
        Ink::Message(message) if has_color => {
            let style = COLORS[message % COLORS.len()].on_default();
            format!("{style}{}{style:#}", run.text)
        }
        _ => run.text.clone(),
    };
    let lines = lines.iter().map(|line| line.iter().map(paint).collect());
    lines.collect::<Vec<String>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::{
        super::layout::{lines, tests::picture},
        *,
    };

    #[test]
    fn bytes_have_the_colour_of_their_message() {
        let text = draw(&lines(&picture(), 32), true);
        let reads = text.lines().nth(1).unwrap_or_default();
        let (first, second) = ("\x1b[36m├1├ 2 ├ \x1b[0m", "\x1b[33m7 ──────────\x1b[0m┤");
        assert_eq!(reads, format!("3 reads    {first}{second}"));
    }
}
