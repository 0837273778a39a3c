//! The clock for the validity of certificates.

use std::time::SystemTime;

use rustls::{pki_types::UnixTime, time_provider::TimeProvider};

/// The system's clock. An unset clock may be before 1970, where rustls' own
/// clock panics; here it counts as 1970, when no certificate is valid yet.
#[derive(Debug)]
pub(super) struct SystemClock;

impl TimeProvider for SystemClock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(unix_time(SystemTime::now()))
    }
}

fn unix_time(time: SystemTime) -> UnixTime {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    UnixTime::since_unix_epoch(since.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_before_1970_count_as_1970() {
        let second = Duration::from_secs(1);
        let epoch = SystemTime::UNIX_EPOCH;
        assert_eq!(unix_time(epoch + second).as_secs(), 1);
        assert_eq!(unix_time(epoch - 1_000_000 * second).as_secs(), 0);
    }
}
