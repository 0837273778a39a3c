//! Figures, times and paragraphs as text.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

/// Columns of a terminal.
pub(crate) const COLUMNS: usize = 80;

/// A number with three significant digits and the unit that fits. The alternate
/// form has no zeros at its end: `7 ms` for `7.00 ms`.
#[derive(Clone, Copy, Debug)]
struct Scaled {
    value: f64,
    /// Each with its factor, rising.
    units: &'static [(f64, &'static str)],
}

impl fmt::Display for Scaled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { value, units } = *self;
        if !value.is_finite() {
            return f.pad("-");
        }
        // What rounds to 1000 µs is shown as 1.00 ms.
        let fits = |(factor, _): &&(f64, _)| value.abs() / factor < 999.5;
        let (factor, unit) = units
            .iter()
            .find(fits)
            .or(units.last())
            .unwrap_or(&(1.0, ""));
        let mut number = three_digits(value / factor);
        if f.alternate() && number.contains('.') {
            let len = number.trim_end_matches('0').trim_end_matches('.').len();
            number.truncate(len);
        }
        f.pad(&(number + unit))
    }
}

/// A latency in microseconds: `7.31 ms`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Latency(pub(crate) f64);

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Zero has a unit that people know, too.
        let units: &[_] = &[(1e-3, " ns"), (1.0, " µs"), (1e3, " ms"), (1e6, " s")];
        let units = if self.0 > 0.0 { units } else { &units[1..] };
        let value = self.0;
        Scaled { value, units }.fmt(f)
    }
}

/// A number of bytes, in units of 1000: `1.04 MB`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bytes(pub(crate) f64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = &[(1.0, " B"), (1e3, " kB"), (1e6, " MB"), (1e9, " GB")];
        let value = self.0;
        Scaled { value, units }.fmt(f)
    }
}

/// A number of anything, or of it per second: `88.4k`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Count(pub(crate) f64);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = &[(1.0, ""), (1e3, "k"), (1e6, "M"), (1e9, "G")];
        let value = self.0;
        Scaled { value, units }.fmt(f)
    }
}

/// Shows `value` with three significant digits, or all before the point if those
/// are more.
fn three_digits(value: f64) -> String {
    // With its exponent after rounding.
    let rounded = format!("{value:.2e}");
    let exponent = rounded
        .split_once('e')
        .map(|(_, exponent)| exponent.parse());
    let decimals = match exponent {
        Some(Ok(exponent)) if value != 0.0 => 2_i32.saturating_sub(exponent).clamp(0, 9),
        _ => 2,
    };
    let decimals = usize::try_from(decimals).unwrap_or_default();
    format!("{value:.decimals$}")
}

/// An instant in UTC as RFC 3339, to the millisecond. One that is out of the
/// format's range, from 1970 to 9999, is shown as the nearest that is not.
pub(crate) fn rfc3339(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(representable(time)).to_string()
}

/// The nearest instant that the format has.
pub(crate) fn representable(time: SystemTime) -> SystemTime {
    let most = Duration::from_secs(253_402_300_799);
    let since_1970 = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    SystemTime::UNIX_EPOCH + since_1970.min(most)
}

/// `1 connection`, `2 connections`.
#[must_use]
pub fn plural(count: u64, noun: &str) -> String {
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
    fn counts_have_three_digits_and_a_prefix() {
        for (value, shown, short) in [
            (0.0, "0.00", "0"),
            (0.001_23, "0.00123", "0.00123"),
            (0.0499, "0.0499", "0.0499"),
            (0.49, "0.490", "0.49"),
            (0.9996, "1.00", "1"),
            (5.0, "5.00", "5"),
            (9.996, "10.0", "10"),
            (12.34, "12.3", "12.3"),
            (100.4, "100", "100"),
            (999.6, "1.00k", "1k"),
            (88_351.4, "88.4k", "88.4k"),
            (-88_351.4, "-88.4k", "-88.4k"),
            (1e6, "1.00M", "1M"),
            (5e12, "5000G", "5000G"),
            (f64::NAN, "-", "-"),
        ] {
            assert_eq!(Count(value).to_string(), shown);
            assert_eq!(format!("{:#}", Count(value)), short);
        }
    }

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
