//! Quantities as text: three significant digits and the unit that fits; plurals.

use std::{fmt, time::Duration};

/// A quantity with three significant digits and the unit that fits. The alternate
/// form has no trailing zeros: `7 ms` for `7.00 ms`.
///
/// # Examples
///
/// ```
/// use cli::format::Quantity;
///
/// assert_eq!(Quantity::Latency(7310.0).to_string(), "7.31 ms");
/// assert_eq!(Quantity::Bytes(1_040_000.0).to_string(), "1.04 MB");
/// assert_eq!(format!("{:#}", Quantity::Count(88_000.0)), "88k");
/// ```
#[derive(Clone, Copy, Debug)]
pub enum Quantity {
    /// A latency in microseconds: `7.31 ms`.
    Latency(f64),
    /// A number of bytes, in units of 1000: `1.04 MB`.
    Bytes(f64),
    /// A number of anything, or of it per second: `88.4k`.
    Count(f64),
}

use Quantity::{Bytes, Count, Latency};

impl Quantity {
    /// The value, and its units with their factors, rising.
    fn units(self) -> (f64, &'static [(f64, &'static str)]) {
        match self {
            Latency(us) if us > 0.0 => (
                us,
                &[(1e-3, " ns"), (1.0, " µs"), (1e3, " ms"), (1e6, " s")],
            ),
            // Zero is shown in microseconds.
            Latency(us) => (us, &[(1.0, " µs"), (1e3, " ms"), (1e6, " s")]),
            Bytes(bytes) => (
                bytes,
                &[(1.0, " B"), (1e3, " kB"), (1e6, " MB"), (1e9, " GB")],
            ),
            Count(count) => (count, &[(1.0, ""), (1e3, "k"), (1e6, "M"), (1e9, "G")]),
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (value, units) = self.units();
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

impl From<Duration> for Quantity {
    fn from(time: Duration) -> Self {
        Latency(1e6 * time.as_secs_f64())
    }
}

/// `1 connection`, `2 connections`.
#[must_use]
pub fn plural(count: u64, noun: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{s}")
}

/// Shows `value` with three significant digits, or with all those before the point if
/// they are more.
fn three_digits(value: f64) -> String {
    // With the exponent that it has after rounding.
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
    fn one_is_not_many() {
        assert_eq!(plural(1, "connection"), "1 connection");
        assert_eq!(plural(0, "connection"), "0 connections");
    }
}
