//! Figures and paragraphs as text.

use std::fmt;

/// Columns of a terminal.
pub(crate) const COLUMNS: usize = 80;

/// A latency in microseconds, shown with three digits and the unit that suits
/// it: `7.31 ms`. The alternate form has no zeros at the end: `7 ms`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Latency(pub(crate) f64);

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What rounds to 1000 µs is shown as 1.00 ms.
        let (value, unit) = match self.0 {
            us if us > 0.0 && us < 0.9995 => (us * 1e3, "ns"),
            us if us < 999.5 => (us, "µs"),
            us if us < 999_500.0 => (us / 1e3, "ms"),
            us => (us / 1e6, "s"),
        };
        let value = if f.alternate() {
            rate(value)
        } else {
            three_digits(value)
        };
        f.pad(&format!("{value} {unit}"))
    }
}

/// A number of bytes, shown with three digits and a unit of 1000: `1.04 MB`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bytes(pub(crate) f64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (value, unit) = match self.0 {
            bytes if bytes < 999.5 => (bytes, "B"),
            bytes if bytes < 999_500.0 => (bytes / 1e3, "kB"),
            bytes if bytes < 999_500_000.0 => (bytes / 1e6, "MB"),
            bytes => (bytes / 1e9, "GB"),
        };
        f.pad(&format!("{} {unit}", three_digits(value)))
    }
}

/// Shows `value` with three digits, or all before the point if those are more.
pub(crate) fn three_digits(value: f64) -> String {
    if !value.is_finite() {
        return "-".to_owned();
    }
    let decimals = match value.abs() {
        size if size < 9.995 => 2,
        size if size < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.decimals$}")
}

/// Shows a rate per second with three digits, or all before the point if those
/// are more, and without zeros at the end: `88351`, `12.5`, `0.49`.
pub(crate) fn rate(value: f64) -> String {
    if !value.is_finite() {
        return "-".to_owned();
    }
    let decimals = match value.abs() {
        size if size >= 99.95 => 0,
        size if size >= 9.995 => 1,
        size if size >= 0.9995 => 2,
        size if size >= 0.09995 => 3,
        size if size > 0.0 => 5,
        _ => 0,
    };
    let text = format!("{value:.decimals$}");
    if decimals == 0 {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// `1 connection`, `2 connections`.
pub(crate) fn plural(count: u64, noun: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{s}")
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
            (0.0, "0.00 µs"),
            (0.0312, "31.2 ns"),
            (0.9996, "1.00 µs"),
            (7.0, "7.00 µs"),
            (42.25, "42.2 µs"),
            (99.96, "100 µs"),
            (999.0, "999 µs"),
            (999.7, "1.00 ms"),
            (7310.0, "7.31 ms"),
            (677_904.4, "678 ms"),
            (999_600.0, "1.00 s"),
            (12_000_000.0, "12.0 s"),
        ] {
            assert_eq!(Latency(us).to_string(), shown);
        }
        assert_eq!(format!("{:>9}", Latency(7310.0)), "  7.31 ms");
        assert_eq!(format!("{:#}", Latency(7000.0)), "7 ms");
        assert_eq!(format!("{:#}", Latency(0.0)), "0 µs");
    }

    #[test]
    fn bytes_have_three_digits_and_a_unit() {
        for (bytes, shown) in [
            (6.0, "6.00 B"),
            (999.6, "1.00 kB"),
            (60_000.0, "60.0 kB"),
            (999_600.0, "1.00 MB"),
            (1.2e6, "1.20 MB"),
            (9.996e8, "1.00 GB"),
            (5e12, "5000 GB"),
        ] {
            assert_eq!(Bytes(bytes).to_string(), shown);
        }
    }

    #[test]
    fn rates_are_shown_as_they_are() {
        for (value, shown) in [
            (0.0, "0"),
            (0.00123, "0.00123"),
            (0.0499, "0.0499"),
            (0.49, "0.49"),
            (0.9996, "1"),
            (1.0, "1"),
            (5.0, "5"),
            (9.996, "10"),
            (12.34, "12.3"),
            (100.4, "100"),
            (88_351.4, "88351"),
            (1e6, "1000000"),
        ] {
            assert_eq!(rate(value), shown);
        }
    }

    #[test]
    fn one_is_not_many() {
        assert_eq!(plural(1, "connection"), "1 connection");
        assert_eq!(plural(0, "connection"), "0 connections");
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
