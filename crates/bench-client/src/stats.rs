//! What a run counts.

use std::{fmt, time::Duration};

use hdrhistogram::Histogram;

/// Digits of a latency that are kept: values within 0.1 % of each other may
/// share a bucket.
const SIGNIFICANT_DIGITS: u8 = 3;

/// Smallest latency told apart, and the largest recorded as it is, in
/// nanoseconds. A loopback round trip takes microseconds; nobody waits an
/// hour for one. The histogram grows as far as the latencies really go.
const LOWEST_NS: u64 = 100;
const HIGHEST_NS: u64 = 3_600_000_000_000;

/// What one connection, or all of them, measured.
#[derive(Debug)]
pub(crate) struct Stats {
    /// Connections that were opened.
    pub(crate) connections: u64,
    /// Replies that were right, by their latency in nanoseconds.
    pub(crate) latencies: Latencies,
    pub(crate) failures: Failures,
    /// System calls that sent or brought something.
    pub(crate) writes: u64,
    pub(crate) reads: u64,
    /// Messages that had no reply yet when the run was stopped.
    pub(crate) unanswered: u64,
}

impl Stats {
    pub(crate) fn new() -> Self {
        Self {
            connections: 0,
            latencies: Latencies::new(),
            failures: Failures::default(),
            writes: 0,
            reads: 0,
            unanswered: 0,
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.latencies.merge(&other.latencies);
        for (count, more) in self.failures.0.iter_mut().zip(other.failures.0) {
            *count += more;
        }
        self.writes += other.writes;
        self.reads += other.reads;
        self.unanswered += other.unanswered;
    }
}

/// A histogram of latencies. Nothing is stored per sample.
#[derive(Debug)]
pub(crate) struct Latencies(Histogram<u64>);

impl Latencies {
    #[allow(clippy::expect_used)] // Constants, tried by every test of this module.
    fn new() -> Self {
        let mut histogram =
            Histogram::new_with_bounds(LOWEST_NS, 2 * LOWEST_NS, SIGNIFICANT_DIGITS)
                .expect("the bounds are in order");
        histogram.auto(true);
        Self(histogram)
    }

    pub(crate) fn record(&mut self, latency: Duration) {
        let nanos = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        // It grows as needed, and HIGHEST_NS is as far as that can go.
        let _ = self.0.record(nanos.min(HIGHEST_NS));
    }

    fn merge(&mut self, other: &Self) {
        // It grows as needed, so it cannot fail.
        let _ = self.0.add(&other.0);
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }

    pub(crate) fn min(&self) -> Duration {
        Duration::from_nanos(self.0.min())
    }

    pub(crate) fn max(&self) -> Duration {
        Duration::from_nanos(self.0.max())
    }

    pub(crate) fn mean(&self) -> Duration {
        Duration::from_secs_f64(self.0.mean() / 1e9)
    }

    /// The latency that a share `quantile` (0..1) of the replies did not exceed.
    pub(crate) fn at(&self, quantile: f64) -> Duration {
        Duration::from_nanos(self.0.value_at_quantile(quantile))
    }
}

/// What can go wrong with a connection or a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The connection was refused.
    Refused,
    /// The connection could not be opened for another reason.
    Connect,
    /// There was no thread for the connection.
    Thread,
    /// A reply of the right length had other bytes.
    Wrong,
    /// A reply had fewer bytes than its message.
    Short,
    /// More came than was asked for.
    Extra,
    /// There was no reply in time.
    Timeout,
    /// The server closed the connection before the reply.
    Closed,
    /// The connection was reset, or failed in another way.
    Lost,
    /// What came was no frame.
    NoFrame,
    /// The checksum or the compression of a reply was bad.
    Corrupt,
    /// No frame came, not even the echo of a heartbeat.
    Dead,
}

impl Failure {
    const NAMES: [&str; 12] = [
        "refused", "connect", "thread", "wrong", "short", "extra", "timeout", "closed", "lost",
        "no frame", "corrupt", "dead",
    ];
}

/// How often each [`Failure`] happened.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Failures([u64; Failure::NAMES.len()]);

impl Failures {
    pub(crate) fn add(&mut self, failure: Failure) {
        self.0[failure as usize] += 1;
    }

    pub(crate) fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

/// Those that happened, by name: `2 short, 1 timeout`.
impl fmt::Display for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (count, name) in self.0.iter().zip(Failure::NAMES) {
            if *count > 0 {
                write!(f, "{separator}{count} {name}")?;
                separator = ", ";
            }
        }
        if separator.is_empty() {
            f.write_str("none")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merged_latencies_keep_three_digits() {
        let (mut a, mut b) = (Stats::new(), Stats::new());
        for micros in 1..=1000 {
            let stats = if micros % 2 == 0 { &mut a } else { &mut b };
            stats.latencies.record(Duration::from_micros(micros));
        }
        a.merge(&b);
        assert_eq!(a.latencies.count(), 1000);
        for (quantile, micros) in [(0.5, 500.0), (0.9, 900.0), (0.99, 990.0), (1.0, 1000.0)] {
            let measured = a.latencies.at(quantile).as_secs_f64() * 1e6;
            assert!((measured / micros - 1.0_f64).abs() < 0.001, "{measured}");
        }
        assert!(a.latencies.min() <= Duration::from_micros(1));
        let mean = a.latencies.mean().as_secs_f64() * 1e6;
        assert!((mean / 500.5 - 1.0).abs() < 0.001, "{mean}");
    }

    #[test]
    fn a_latency_beyond_the_bounds_is_counted() {
        let mut latencies = Latencies::new();
        latencies.record(Duration::ZERO);
        latencies.record(Duration::MAX);
        assert_eq!(latencies.count(), 2);
    }

    #[test]
    fn failures_are_named() {
        let mut failures = Failures::default();
        assert_eq!(failures.to_string(), "none");
        failures.add(Failure::NoFrame);
        failures.add(Failure::Short);
        failures.add(Failure::Short);
        assert_eq!(failures.to_string(), "2 short, 1 no frame");
        assert_eq!(failures.total(), 3);
    }
}
