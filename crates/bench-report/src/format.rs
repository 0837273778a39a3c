//! Times and paragraphs as text, beside the quantities that all programs show.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

pub(crate) use cli::format::{
    Quantity::{Bytes, Count, Latency},
    plural,
};

/// Columns of a terminal.
pub(crate) const COLUMNS: usize = 80;

/// Shows a figure in its unit.
pub(crate) type ShowFigure = fn(f64) -> String;

/// `88.4k/s`.
pub(crate) fn per_second(rate: f64) -> String {
    format!("{}/s", Count(rate))
}

/// `value`, or a dash in its place.
pub(crate) fn or_dash(value: Option<impl fmt::Display>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// The names with commas between them, or `none`.
pub(crate) fn list(names: &[&str]) -> String {
    match names {
        [] => "none".to_owned(),
        names => names.join(", "),
    }
}

/// An instant in UTC as RFC 3339, to the millisecond. One outside the format's
/// range, from 1970 to 9999, is shown as the nearest one inside.
pub(crate) fn rfc3339(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(representable(time)).to_string()
}

/// The nearest instant that the format can show.
pub(crate) fn representable(time: SystemTime) -> SystemTime {
    let last = Duration::from_secs(253_402_300_799);
    let since_1970 = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    SystemTime::UNIX_EPOCH + since_1970.min(last)
}

/// Breaks `text` into lines that fit a terminal: the first starts with `first`, and
/// the others are indented by its width.
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
    fn any_clock_has_a_time() {
        let epoch = SystemTime::UNIX_EPOCH;
        let second = Duration::from_secs(1);
        for (time, text) in [
            (epoch, "1970-01-01T00:00:00.000Z"),
            (epoch - second, "1970-01-01T00:00:00.000Z"),
            (epoch + second * 1_700_000_000, "2023-11-14T22:13:20.000Z"),
            (epoch + second * u32::MAX * 100, "9999-12-31T23:59:59.000Z"),
        ] {
            assert_eq!(rfc3339(time), text);
        }
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
