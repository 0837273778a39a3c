//! From the threads of a run to its figures: samples, collected in lots.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;

/// Digits of a latency that are kept: values within 0.1 % of each other may
/// share a bucket.
const SIGNIFICANT_DIGITS: u8 = 3;

/// Smallest latency told apart, and the largest recorded as it is, in
/// nanoseconds. A loopback round trip takes microseconds; nobody waits an
/// hour for one. A histogram grows as far as the latencies really go.
const LOWEST_NS: u64 = 100;
const HIGHEST_NS: u64 = 3_600_000_000_000;

/// Samples that a thread keeps before it hands them on: the lock is then taken
/// once in so many replies.
const LOT: usize = 64;

/// How long it keeps them, for the figures of the running second.
const KEPT: Duration = Duration::from_millis(20);

/// Right replies, measured.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    /// From the send, in nanoseconds.
    pub(crate) uncorrected: Histogram<u64>,
    /// From the intended start, and from there to the send; only with a
    /// schedule.
    pub(crate) scheduled: Option<Scheduled>,
    pub(crate) payload_bytes: u64,
    pub(crate) wire_bytes: u64,
}

/// What a schedule adds.
#[derive(Clone, Debug)]
pub(crate) struct Scheduled {
    pub(crate) corrected: Histogram<u64>,
    pub(crate) lag: Histogram<u64>,
}

impl Measured {
    pub(crate) fn new(has_schedule: bool) -> Self {
        Self {
            uncorrected: histogram(),
            scheduled: has_schedule.then(|| Scheduled {
                corrected: histogram(),
                lag: histogram(),
            }),
            payload_bytes: 0,
            wire_bytes: 0,
        }
    }

    /// What is reported as the latency.
    pub(crate) fn latency(&self) -> &Histogram<u64> {
        match &self.scheduled {
            Some(scheduled) => &scheduled.corrected,
            None => &self.uncorrected,
        }
    }

    fn record(&mut self, sample: Sample) {
        record(&mut self.uncorrected, sample.uncorrected_ns);
        if let Some(scheduled) = &mut self.scheduled {
            record(&mut scheduled.lag, sample.lag_ns);
            let corrected = sample.lag_ns.saturating_add(sample.uncorrected_ns);
            record(&mut scheduled.corrected, corrected);
        }
        self.payload_bytes += u64::from(sample.payload_bytes);
        self.wire_bytes += u64::from(sample.wire_bytes);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        // They grow as needed, so adding cannot fail.
        let _ = self.uncorrected.add(&other.uncorrected);
        if let (Some(all), Some(more)) = (&mut self.scheduled, &other.scheduled) {
            let _ = all.corrected.add(&more.corrected);
            let _ = all.lag.add(&more.lag);
        }
        self.payload_bytes += other.payload_bytes;
        self.wire_bytes += other.wire_bytes;
    }

    fn clear(&mut self) {
        self.uncorrected.clear();
        if let Some(scheduled) = &mut self.scheduled {
            scheduled.corrected.clear();
            scheduled.lag.clear();
        }
        (self.payload_bytes, self.wire_bytes) = (0, 0);
    }
}

#[allow(clippy::expect_used)] // Constants, tried by every test of this module.
fn histogram() -> Histogram<u64> {
    let mut histogram = Histogram::new_with_bounds(LOWEST_NS, 2 * LOWEST_NS, SIGNIFICANT_DIGITS)
        .expect("the bounds are in order");
    histogram.auto(true);
    histogram
}

fn record(histogram: &mut Histogram<u64>, ns: u64) {
    // It grows as needed, and HIGHEST_NS is as far as that can go.
    let _ = histogram.record(ns.min(HIGHEST_NS));
}

/// One right reply.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// From the send to the reply.
    pub(crate) uncorrected_ns: u64,
    /// From the intended start to the send.
    pub(crate) lag_ns: u64,
    pub(crate) payload_bytes: u32,
    pub(crate) wire_bytes: u32,
}

/// Where several threads put their samples.
#[derive(Debug)]
pub(crate) struct Shard(Mutex<Parts>);

#[derive(Debug)]
struct Parts {
    warmup: Measured,
    measured: Measured,
}

impl Shard {
    pub(crate) fn new(has_schedule: bool) -> Self {
        Self(Mutex::new(Parts {
            warmup: Measured::new(has_schedule),
            measured: Measured::new(has_schedule),
        }))
    }

    /// Moves what there is to `warmup` and `measured`.
    pub(crate) fn drain(&self, warmup: &mut Measured, measured: &mut Measured) {
        let mut parts = self.lock();
        warmup.merge(&parts.warmup);
        measured.merge(&parts.measured);
        parts.warmup.clear();
        parts.measured.clear();
    }

    /// Nothing is left half done by a panic, so a poisoned lock is as good.
    fn lock(&self) -> MutexGuard<'_, Parts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One thread's way to a shard.
#[derive(Debug)]
pub(crate) struct Recorder<'a> {
    shard: &'a Shard,
    warmup: Vec<Sample>,
    measured: Vec<Sample>,
    handed_on: Instant,
}

impl<'a> Recorder<'a> {
    pub(crate) fn new(shard: &'a Shard, now: Instant) -> Self {
        Self {
            shard,
            warmup: Vec::new(),
            measured: Vec::new(),
            handed_on: now,
        }
    }

    pub(crate) fn record(&mut self, sample: Sample, is_warmup: bool) {
        if is_warmup {
            self.warmup.push(sample);
        } else {
            self.measured.push(sample);
        }
    }

    /// Hands the samples on when there are many, or have been for long.
    pub(crate) fn tick(&mut self, now: Instant) {
        if self.measured.len() + self.warmup.len() >= LOT
            || now.saturating_duration_since(self.handed_on) >= KEPT
        {
            self.flush();
            self.handed_on = now;
        }
    }

    pub(crate) fn flush(&mut self) {
        let mut parts = self.shard.lock();
        for sample in self.warmup.drain(..) {
            parts.warmup.record(sample);
        }
        for sample in self.measured.drain(..) {
            parts.measured.record(sample);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn sample(us: u64) -> Sample {
        Sample {
            uncorrected_ns: us * 1000,
            lag_ns: 5_000_000,
            payload_bytes: 12,
            wire_bytes: 16,
        }
    }

    #[test]
    fn samples_of_all_threads_arrive_once_with_three_digits() {
        let shard = Shard::new(true);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let shard = &shard;
                scope.spawn(move || {
                    let mut recorder = Recorder::new(shard, Instant::now());
                    for us in (1..=1000).filter(|us| us % 4 == thread) {
                        recorder.record(sample(us), us % 10 == 0);
                        recorder.tick(Instant::now());
                    }
                    recorder.flush();
                });
            }
        });
        let (mut warmup, mut measured) = (Measured::new(true), Measured::new(true));
        for _ in 0..2 {
            shard.drain(&mut warmup, &mut measured);
        }
        assert_eq!(
            (warmup.uncorrected.len(), measured.uncorrected.len()),
            (100, 900)
        );
        assert_eq!(
            (measured.payload_bytes, measured.wire_bytes),
            (10_800, 14_400)
        );
        warmup.merge(&measured);
        for (quantile, us) in [(0.5, 500.0), (0.99, 990.0), (1.0, 1000.0)] {
            let ns = warmup.uncorrected.value_at_quantile(quantile) as f64;
            assert!((ns / 1000.0 / us - 1.0).abs() < 0.001, "{ns}");
            let corrected = warmup.latency().value_at_quantile(quantile) as f64;
            assert!((corrected / 1000.0 / (us + 5000.0) - 1.0).abs() < 0.001);
        }
    }

    #[test]
    fn a_latency_beyond_the_bounds_is_counted() {
        let mut measured = Measured::new(false);
        for ns in [0, u64::MAX] {
            measured.record(Sample {
                uncorrected_ns: ns,
                ..sample(1)
            });
        }
        assert_eq!(measured.latency().len(), 2);
    }
}
