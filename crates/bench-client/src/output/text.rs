//! Figures and paragraphs as text.

use std::fmt;

/// Columns of a terminal.
pub(crate) const COLUMNS: usize = 80;

/// A latency in microseconds, shown with three digits and the unit that suits
/// it: `7.31 ms`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Latency(pub(crate) f64);

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (value, unit) = match self.0 {
            us if us < 1e3 => (us, "µs"),
            us if us < 1e6 => (us / 1e3, "ms"),
            us => (us / 1e6, "s"),
        };
        f.pad(&format!("{} {unit}", three_digits(value)))
    }
}

/// Shows `value` with three digits, or all before the point if those are more.
pub(crate) fn three_digits(value: f64) -> String {
    match value.abs() {
        size if size < 10.0 => format!("{value:.2}"),
        size if size < 100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// Breaks `text` into lines that fit a terminal: the first begins with
/// `first`, the others are indented as far as that.
pub(crate) fn wrap(first: &str, text: &str) -> String {
    let indent = first.chars().count();
    let mut lines = first.to_owned();
    let mut column = indent;
    for word in text.split_whitespace() {
        let width = word.chars().count();
        let starts_line = column == indent;
        if !starts_line && column + 1 + width > COLUMNS {
            lines.push('\n');
            lines.push_str(&" ".repeat(indent));
            column = indent;
        } else if !starts_line {
            lines.push(' ');
            column += 1;
        }
        lines.push_str(word);
        column += width;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_have_three_digits_and_a_unit() {
        for (us, shown) in [
            (0.0312, "0.03 µs"),
            (7.0, "7.00 µs"),
            (42.25, "42.2 µs"),
            (999.0, "999 µs"),
            (7310.0, "7.31 ms"),
            (677_904.4, "678 ms"),
            (12_000_000.0, "12.0 s"),
        ] {
            assert_eq!(Latency(us).to_string(), shown);
        }
        assert_eq!(format!("{:>9}", Latency(7310.0)), "  7.31 ms");
    }

    #[test]
    fn lines_break_at_80_columns_between_words() {
        assert_eq!(wrap("  - ", "short"), "  - short");
        let words = ["µµµµ"; 40].join(" ");
        let wrapped = wrap("  - ", &words);
        let mut lines = wrapped.lines();
        // 4 + 15 words of 4 with 14 spaces between them are 78 columns.
        assert_eq!(lines.next().map(|line| line.chars().count()), Some(78));
        assert!(lines.all(|line| line.starts_with("    µ") && line.chars().count() <= COLUMNS));
        assert_eq!(wrapped.matches("µµµµ").count(), 40);
        // 16 words of 4 with 15 spaces are 79, so an indent of 1 just fits.
        for (first, columns) in [(" ", 80), ("  ", 76)] {
            let wrapped = wrap(first, &words);
            let line = wrapped.lines().next().map(|line| line.chars().count());
            assert_eq!(line, Some(columns));
        }
        // A word that fits nowhere stands alone.
        let long = "x".repeat(100);
        assert_eq!(wrap("", &format!("a {long} b")), format!("a\n{long}\nb"));
    }
}
