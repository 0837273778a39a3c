//! Readable sizes and times.

use std::{fmt, time::Duration};

/// A size: `1 GiB`, `1000 bytes`.
#[derive(Clone, Copy)]
pub(crate) struct ByteSize(pub(crate) u64);

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(bytes) = *self;
        let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
        // Only a unit that divides it exactly.
        match units.into_iter().find(|(size, _)| bytes % size == 0) {
            Some((size, unit)) if bytes > 0 => write!(f, "{} {unit}", bytes / size),
            _ => write!(f, "{bytes} bytes"),
        }
    }
}

/// A time: `5 min`, `90 s`, `1.5 s`, `600 ms`.
#[derive(Clone, Copy)]
pub(crate) struct Time(pub(crate) Duration);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(time) = *self;
        let is_whole = time.subsec_nanos() == 0;
        match time.as_secs() {
            0 => write!(f, "{} ms", time.as_secs_f64() * 1e3),
            seconds if is_whole && seconds.is_multiple_of(3600) => {
                write!(f, "{} h", seconds / 3600)
            }
            seconds if is_whole && seconds.is_multiple_of(60) => write!(f, "{} min", seconds / 60),
            _ => write!(f, "{} s", time.as_secs_f64()),
        }
    }
}

/// `1 connection`, `2 connections`.
pub(crate) fn connections(count: u64) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} connection{s}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_exact() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (1000, "1000 bytes"),
            (1024, "1 KiB"),
            (1025, "1025 bytes"),
            (5 << 20, "5 MiB"),
            (3 << 29, "1536 MiB"),
            (1 << 30, "1 GiB"),
            (u64::MAX, "18446744073709551615 bytes"),
        ] {
            assert_eq!(ByteSize(bytes).to_string(), text);
        }
    }

    #[test]
    fn times_have_one_unit() {
        for (millis, text) in [
            (5, "5 ms"),
            (600, "600 ms"),
            (1500, "1.5 s"),
            (30_000, "30 s"),
            (90_000, "90 s"),
            (300_000, "5 min"),
            (7_200_000, "2 h"),
        ] {
            assert_eq!(Time(Duration::from_millis(millis)).to_string(), text);
        }
    }
}
