//! `--start-at`: when to begin to measure, so that all ranks begin together.

use std::time::{Duration, SystemTime};

use cli::args::{MAX_DURATION, parse_timeout};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// An instant, as it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StartAt {
    Time(SystemTime),
    /// `+5s`: see [`StartAt::resolve`].
    After(Duration),
}

impl StartAt {
    /// Parses `2026-11-26T12:00:00Z`, `1795867200` or `+5s`.
    ///
    /// # Errors
    ///
    /// What was expected, in one line.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if let Some(delay) = text.strip_prefix('+') {
            return parse_timeout(delay).map(Self::After);
        }
        let unix = |seconds: f64| {
            let since_1970 = Duration::try_from_secs_f64(seconds).ok()?;
            SystemTime::UNIX_EPOCH.checked_add(since_1970)
        };
        let time = match text.parse() {
            Ok(seconds) => unix(seconds),
            Err(_) => OffsetDateTime::parse(text, &Rfc3339)
                .ok()
                .map(SystemTime::from),
        };
        time.map(Self::Time).ok_or_else(|| {
            "expected a time, such as 2026-11-26T12:00:00Z, 1795867200 (Unix seconds) or +5s"
                .to_owned()
        })
    }

    /// The instant. A delay counts to the first multiple of it by the clock of all
    /// hosts, Unix time, that is at least so far ahead: what is launched within one
    /// such multiple begins together.
    pub(crate) fn resolve(self, now: SystemTime) -> SystemTime {
        let delay = match self {
            Self::Time(time) => return time,
            Self::After(delay) => delay,
        };
        let since_1970 = now
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let earliest_ns = (since_1970 + delay).as_nanos();
        let multiples = earliest_ns.div_ceil(delay.as_nanos());
        let at_ns = multiples.saturating_mul(delay.as_nanos());
        let since_1970 = Duration::from_nanos_u128(at_ns);
        SystemTime::UNIX_EPOCH + since_1970
    }
}

/// How long there is until `at`, of which `warmup` is spent on warming up.
///
/// # Errors
///
/// A time that is past, or that leaves no time for that, in one line.
pub(crate) fn time_left(
    at: SystemTime,
    warmup: Duration,
    now: SystemTime,
) -> Result<Duration, String> {
    let left = at.duration_since(now).map_err(|error| {
        let past = error.duration().as_secs_f64();
        format!("--start-at is {past:.3} s past: give a later time")
    })?;
    if left > MAX_DURATION {
        return Err("--start-at is more than 100 years ahead: give an earlier time".to_owned());
    }
    if left < warmup {
        let (left, warmup) = (left.as_secs_f64(), warmup.as_secs_f64());
        return Err(format!(
            "--start-at is {left:.3} s ahead, and --warmup takes {warmup} s: give a later time"
        ));
    }
    Ok(left)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn unix(seconds: f64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs_f64(seconds)
    }

    #[test]
    fn times_are_read_in_three_ways() {
        let noon = StartAt::Time(unix(1_795_694_400.0));
        for text in [
            "2026-11-26T12:00:00Z",
            "2026-11-26T13:00:00+01:00",
            "2026-11-26T12:00:00.000Z",
            "1795694400",
            "1795694400.0",
        ] {
            assert_eq!(StartAt::parse(text), Ok(noon), "{text}");
        }
        let later = StartAt::After(Duration::from_secs(5));
        assert_eq!(StartAt::parse("+5s"), Ok(later));
        for bad in ["", "soon", "-1", "1e300", "nan", "inf", "+0s", "+", "12:00"] {
            assert!(StartAt::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_launched_together_starts_together() {
        let at = |now| StartAt::After(Duration::from_secs(5)).resolve(unix(now));
        for now in [1000.0, 995.001, 999.999] {
            assert_eq!(at(now), unix(1005.0), "{now}");
        }
        assert_eq!(at(1000.001), unix(1010.0));
        // Within the second rather than the minute.
        let soon = StartAt::After(Duration::from_millis(300)).resolve(unix(1000.0));
        let wait = soon.duration_since(unix(1000.0)).unwrap();
        assert!(wait >= Duration::from_millis(300) && wait < Duration::from_millis(600));
    }

    #[test]
    fn the_time_ahead_has_to_do() {
        let left =
            |at: f64, warmup: u64| time_left(unix(at), Duration::from_secs(warmup), unix(1000.0));
        assert_eq!(left(1003.0, 3), Ok(Duration::from_secs(3)));
        for (at, warmup, expected) in [
            (998.5, 0, "is 1.500 s past"),
            (1002.0, 3, "is 2.000 s ahead, and --warmup takes 3 s"),
            (9e9, 0, "100 years"),
        ] {
            let error = left(at, warmup).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
