//! Numbers with their units, as people read them.

/// Parts the thousands; as narrow as a thin space, and no line breaks at it.
pub(super) const THIN: char = '\u{202f}';

/// From here on digits say less than a power of ten does.
const TOO_LONG: f64 = 1e15;

/// A count, in full.
pub(super) fn count(count: u64) -> String {
    grouped(&count.to_string())
}

/// A number that was asked for, with the digits it was given.
pub(super) fn exact(value: f64) -> String {
    if value.abs() < TOO_LONG {
        grouped(&value.to_string())
    } else {
        number(value)
    }
}

/// A number that was measured, with about three significant digits.
pub(super) fn number(value: f64) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    if value.abs() >= TOO_LONG {
        return format!("{value:.2e}");
    }
    let decimals = match value.abs() {
        size if size >= 99.95 => 0,
        size if size >= 9.995 => 1,
        size if size >= 0.9995 => 2,
        size if size > 0.0 => 3,
        _ => 0,
    };
    grouped(&format!("{value:.decimals$}"))
}

/// A number that was measured and compared, to the third decimal: rounded
/// more, a bound that was just missed would look met.
pub(super) fn precise(value: f64) -> String {
    if value.abs() < TOO_LONG {
        trimmed(&grouped(&format!("{value:.3}")))
    } else {
        number(value)
    }
}

/// A number at a tick, which is a round one.
pub(super) fn tick(value: f64) -> String {
    trimmed(&number(value))
}

/// A time that was measured.
pub(super) fn micros(us: f64) -> String {
    let (value, unit) = in_unit(us);
    format!("{}{THIN}{unit}", number(value))
}

/// A time at a tick.
pub(super) fn micros_tick(us: f64) -> String {
    let (value, unit) = in_unit(us);
    format!("{}{THIN}{unit}", tick(value))
}

/// A time in seconds at a tick.
pub(super) fn seconds_tick(s: f64) -> String {
    format!("{}{THIN}s", tick(s))
}

/// A size, or a size a second, in powers of 1000.
pub(super) fn bytes(bytes: f64) -> String {
    let (value, unit) = match bytes {
        size if size >= 1e9 => (bytes / 1e9, "GB"),
        size if size >= 1e6 => (bytes / 1e6, "MB"),
        size if size >= 1e3 => (bytes / 1e3, "kB"),
        _ => (bytes, "B"),
    };
    format!("{}{THIN}{unit}", number(value))
}

/// A share in 0..1, as a percentage.
pub(super) fn percent(share: f64) -> String {
    format!("{}{THIN}%", number(share * 100.0))
}

fn in_unit(us: f64) -> (f64, &'static str) {
    match us {
        // What rounds to 1000 µs is shown as 1 ms.
        time if time >= 999_500.0 => (us / 1e6, "s"),
        time if time >= 999.5 => (us / 1e3, "ms"),
        _ => (us, "µs"),
    }
}

/// Leaves out the zeros that end a fraction.
fn trimmed(number: &str) -> String {
    if number.contains('.') && !number.contains('e') {
        number
            .trim_end_matches('0')
            .trim_end_matches('.')
            .to_owned()
    } else {
        number.to_owned()
    }
}

/// Parts the thousands before the decimal point.
fn grouped(number: &str) -> String {
    let whole = number.split('.').next().unwrap_or(number).len();
    let mut text = String::new();
    for (place, digit) in number.chars().enumerate() {
        if place > 0 && place < whole && (whole - place).is_multiple_of(3) {
            text.push(THIN);
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_parted() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(exact(12_345.25), "12\u{202f}345.25");
    }

    #[test]
    fn three_digits_are_kept() {
        assert_eq!(number(0.0), "0");
        assert_eq!(number(0.0314), "0.031");
        assert_eq!(number(4.0), "4.00");
        assert_eq!(number(99.97), "100");
        assert_eq!(number(123_456.7), "123\u{202f}457");
        assert_eq!(precise(1_050.04), "1\u{202f}050.04");
        assert_eq!(tick(4.0), "4");
        assert_eq!(tick(0.1 + 0.2), "0.3");
        assert_eq!(tick(100.0), "100");
    }

    #[test]
    fn the_unit_fits_the_time() {
        assert_eq!(micros(40.0), "40.0\u{202f}µs");
        assert_eq!(micros(999.7), "1.00\u{202f}ms");
        assert_eq!(micros_tick(2_000_000.0), "2\u{202f}s");
        assert_eq!(bytes(16e6), "16.0\u{202f}MB");
    }

    #[test]
    fn what_is_no_number_is_not_shown_as_one() {
        assert_eq!(number(f64::NAN), "–");
        assert_eq!(micros(f64::INFINITY), "–\u{202f}s");
        assert_eq!(number(f64::MAX), "1.80e308");
    }
}
