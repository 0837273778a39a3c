//! Parsers of option values.

use std::{net::Ipv6Addr, time::Duration};

use proto::MaxFrame;

/// Parses `host:port`; an IPv6 address is in brackets, with the zone if it is
/// link-local.
///
/// # Errors
///
/// The expected value, in one line.
pub fn parse_addr(text: &str) -> Result<String, String> {
    let is_addr = text.rsplit_once(':').is_some_and(|(host, port)| {
        let ipv6 = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let is_host = match ipv6 {
            Some(ipv6) => is_ipv6(ipv6),
            None => !host.is_empty() && !host.contains(':'),
        };
        // The parser of integers takes a sign, too.
        is_host && !port.starts_with('+') && port.parse::<u16>().is_ok()
    });
    if is_addr {
        Ok(text.to_owned())
    } else {
        Err(
            "expected host:port, such as 127.0.0.1:60000, [::1]:60000 or [fe80::1%eth0]:60000"
                .to_owned(),
        )
    }
}

/// Whether a text is an IPv6 address, with or without a zone.
fn is_ipv6(text: &str) -> bool {
    let (address, zone) = text.split_once('%').unwrap_or((text, "-"));
    address.parse::<Ipv6Addr>().is_ok() && !zone.is_empty()
}

/// Maximum duration of any option: 100 years of 365.25 days. An instant that
/// far ahead can still be represented, and so can the sum of a few.
pub const MAX_DURATION: Duration = Duration::from_hours(876_600);

/// Parses a duration above zero: `500ms`, `10s`, `5m`.
///
/// # Errors
///
/// The expected value, in one line.
pub fn parse_timeout(text: &str) -> Result<Duration, String> {
    let expected = "expected a duration above zero, such as 500ms, 10s or 5m";
    parse_duration(text, expected)
        .and_then(|duration| (!duration.is_zero()).then_some(duration).ok_or(expected))
        .map_err(str::to_owned)
}

/// Parses a duration that may be zero.
///
/// # Errors
///
/// The expected value, in one line.
pub fn parse_span(text: &str) -> Result<Duration, String> {
    parse_duration(text, "expected a duration, such as 0, 500ms or 10s").map_err(str::to_owned)
}

fn parse_duration(text: &str, expected: &'static str) -> Result<Duration, &'static str> {
    match humantime::parse_duration(text) {
        Ok(duration) if duration > MAX_DURATION => Err("expected a duration of at most 100 years"),
        parsed => parsed.map_err(|_| expected),
    }
}

/// Parses a whole number, which may be 0.
///
/// # Errors
///
/// The expected value, in one line.
pub fn parse_number(text: &str) -> Result<u64, String> {
    let number = text.parse();
    number.map_err(|_| format!("expected a whole number from 0 to {}", u64::MAX))
}

/// Parses a whole number of at least 1.
///
/// # Errors
///
/// The expected value, in one line.
pub fn parse_count(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(count) if count > 0 => Ok(count),
        _ => Err("expected a whole number of at least 1".to_owned()),
    }
}

/// Parses a size in bytes of at least 1: `4096`, `64k`, `8MiB`. All units are
/// powers of 1024, with or without the `i`.
///
/// # Errors
///
/// The expected value, in one line.
pub fn parse_size(text: &str) -> Result<u64, String> {
    // The library adds digits unchecked; 19 digits always fit 64 bits.
    let is_safe = text.bytes().filter(u8::is_ascii_digit).count() <= 19;
    let with_unit = || parse_size::Config::new().with_binary().parse_size(text);
    text.parse()
        .ok()
        .or_else(|| is_safe.then(with_unit)?.ok())
        .filter(|&bytes| bytes > 0)
        .ok_or_else(|| "expected a size of at least 1 byte, such as 4096, 64k or 8MiB".to_owned())
}

/// Parses the maximum frame size.
///
/// # Errors
///
/// The expected value, in one line.
pub fn parse_max_frame(text: &str) -> Result<MaxFrame, String> {
    MaxFrame::new(parse_size(text)?).map_err(|error| error.to_string())
}

/// Maximum buffer size, in bytes: no frame fills more (2^28, the header's
/// length field), and the kernel takes at most an `int`.
const MAX_BUFFER: u64 = 1 << 28;

/// Parses a buffer size, at most [`MAX_BUFFER`].
pub(super) fn parse_buffer(text: &str) -> Result<usize, String> {
    match parse_size(text)? {
        bytes if bytes <= MAX_BUFFER => usize::try_from(bytes).map_err(|error| error.to_string()),
        _ => Err(format!("expected at most {MAX_BUFFER} bytes")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for good in [
            "127.0.0.1:60000",
            "localhost:1",
            "[::1]:0",
            "[fe80::1%eth0]:60000",
            "[fe80::1%2]:60000",
            "a.example:65535",
        ] {
            assert_eq!(parse_addr(good).as_deref(), Ok(good));
        }
        for bad in [
            "",
            "60000",
            ":60000",
            "host",
            "host:",
            "host:65536",
            "::1:80",
            "[::1]80",
            "[::1",
            "[eth0]:80",
            "[fe80::1%]:80",
            "[127.0.0.1%lo]:80",
            "host:-1",
            "host:+1",
        ] {
            assert!(parse_addr(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn durations() {
        assert_eq!(parse_timeout("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_timeout("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(parse_timeout("5m"), Ok(Duration::from_mins(5)));
        assert_eq!(parse_timeout("100y"), Ok(MAX_DURATION));
        for zero in ["0", "0s", "0ms"] {
            assert_eq!(parse_span(zero), Ok(Duration::ZERO));
        }
        assert!(parse_span("-1s").is_err());
        let absurd = ["100y 1ns", "584542y", "18446744073709551615s"];
        let bad = ["", "0s", "10", "-1s", "s", "99999999999999999999s"];
        for bad in bad.into_iter().chain(absurd) {
            let error = parse_timeout(bad).err();
            assert!(
                error.is_some_and(|error| error.starts_with("expected")),
                "{bad}"
            );
        }
        for absurd in absurd {
            let error = parse_timeout(absurd).err();
            assert!(
                error.is_some_and(|error| error.contains("100 years")),
                "{absurd}"
            );
        }
    }

    #[test]
    fn numbers() {
        assert_eq!(parse_number("0"), Ok(0));
        for bad in ["", "-1", "1.5", "x", "18446744073709551616"] {
            let error = parse_number(bad).err().unwrap_or_default();
            assert!(error.starts_with("expected"), "{bad}: {error}");
        }
    }

    #[test]
    fn counts() {
        assert_eq!(parse_count("1"), Ok(1));
        for bad in ["", "0", "-1", "1.5", "x", "99999999999999999999"] {
            assert!(parse_count(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes() {
        assert_eq!(parse_size("1"), Ok(1));
        assert_eq!(parse_size("64k"), Ok(65_536));
        assert_eq!(parse_size("64KiB"), Ok(65_536));
        assert_eq!(parse_size("8MiB"), Ok(8_388_608));
        assert_eq!(parse_size("10000000000000000000"), Ok(10_u64.pow(19)));
        assert_eq!(parse_size("18446744073709551615"), Ok(u64::MAX));
        for bad in [
            "",
            "0",
            "-1",
            "k",
            "1x",
            "99999999999E",
            "18446744073709551616",
            "000000018446744073709551615709551615m",
        ] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }
}
