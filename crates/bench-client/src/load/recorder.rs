//! From the threads of a run to its figures: samples, handed on in batches.

use std::sync::Mutex;

use super::{
    lock::lock,
    measured::{Measured, Sample},
};

/// Samples that a thread keeps before it hands them on: the lock is then taken
/// once in so many replies.
const BATCH: usize = 64;

/// How long it keeps them, for the figures of the running second.
const FLUSH_INTERVAL_NS: u64 = 20_000_000;

/// What a part of a run brought.
#[derive(Clone, Debug)]
pub(crate) struct Interval {
    pub(crate) warmup: Measured,
    pub(crate) measured: Measured,
    /// Right replies within the measurement.
    pub(crate) inside: u64,
}

impl Interval {
    pub(crate) fn new(has_schedule: bool) -> Self {
        Self {
            warmup: Measured::new(has_schedule),
            measured: Measured::new(has_schedule),
            inside: 0,
        }
    }

    fn record(&mut self, sample: Sample) {
        if sample.is_warmup {
            self.warmup.record(sample);
        } else {
            self.measured.record(sample);
        }
        self.inside += u64::from(sample.is_inside);
    }
}

/// Where several threads put their samples.
#[derive(Debug)]
pub(crate) struct Shard(Mutex<Interval>);

impl Shard {
    pub(crate) fn new(has_schedule: bool) -> Self {
        Self(Mutex::new(Interval::new(has_schedule)))
    }

    /// Moves what there is to `all`.
    pub(crate) fn drain_into(&self, all: &mut Interval) {
        let mut own = lock(&self.0);
        all.warmup.merge(&own.warmup);
        all.measured.merge(&own.measured);
        all.inside += own.inside;
        own.warmup.reset();
        own.measured.reset();
        own.inside = 0;
    }
}

/// One thread's way to a shard.
#[derive(Debug)]
pub(crate) struct Recorder<'a> {
    shard: &'a Shard,
    samples: Vec<Sample>,
    flushed_ns: u64,
}

impl<'a> Recorder<'a> {
    pub(crate) fn new(shard: &'a Shard, now_ns: u64) -> Self {
        Self {
            shard,
            samples: Vec::with_capacity(BATCH),
            flushed_ns: now_ns,
        }
    }

    pub(crate) fn record(&mut self, sample: Sample) {
        self.samples.push(sample);
    }

    /// Hands the samples on when there are many, or have been for long.
    pub(crate) fn tick(&mut self, now_ns: u64) {
        if self.samples.len() >= BATCH
            || now_ns.saturating_sub(self.flushed_ns) >= FLUSH_INTERVAL_NS
        {
            self.flush();
            self.flushed_ns = now_ns;
        }
    }

    pub(crate) fn flush(&mut self) {
        let mut interval = lock(&self.shard.0);
        for sample in self.samples.drain(..) {
            interval.record(sample);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{super::measured::tests::sample, *};

    #[test]
    fn samples_of_all_threads_arrive_once_with_three_digits() {
        let shard = Shard::new(true);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let shard = &shard;
                scope.spawn(move || {
                    let mut recorder = Recorder::new(shard, 0);
                    for us in (1..=1000).filter(|us| us % 4 == thread) {
                        recorder.record(Sample {
                            is_warmup: us % 10 == 0,
                            is_inside: us % 5 != 0,
                            ..sample(us)
                        });
                        recorder.tick(0);
                    }
                    recorder.flush();
                });
            }
        });
        let mut all = Interval::new(true);
        for _ in 0..2 {
            shard.drain_into(&mut all);
        }
        let Interval {
            mut warmup,
            measured,
            inside,
        } = all;
        assert_eq!(
            (warmup.uncorrected.len(), measured.uncorrected.len(), inside),
            (100, 900, 800)
        );
        assert_eq!(
            (measured.payload_bytes, measured.wire_bytes),
            (10_800, 14_400)
        );
        warmup.merge(&measured);
        assert_eq!((warmup.payload_bytes, warmup.wire_bytes), (12_000, 16_000));
        let scheduled = warmup.scheduled.as_ref().unwrap();
        assert_eq!(scheduled.lag.len(), 1000);
        for (quantile, us) in [(0.5, 500.0), (0.99, 990.0), (1.0, 1000.0)] {
            let ns = warmup.uncorrected.value_at_quantile(quantile) as f64;
            assert!((ns / 1000.0 / us - 1.0).abs() < 0.001, "{ns}");
            let corrected = warmup.latency().value_at_quantile(quantile) as f64;
            assert!((corrected / 1000.0 / (us + 5000.0) - 1.0).abs() < 0.001);
            let lag = scheduled.lag.value_at_quantile(quantile) as f64;
            assert!((lag / 5e6 - 1.0).abs() < 0.001);
        }
    }

    #[test]
    fn samples_are_handed_on_in_batches_or_when_old() {
        let shard = Shard::new(false);
        let handed_on = || {
            let mut all = Interval::new(false);
            shard.drain_into(&mut all);
            all.measured.latency().len()
        };
        let mut recorder = Recorder::new(&shard, 1000);
        for n in 1..=BATCH {
            recorder.record(sample(1));
            recorder.tick(1000 + FLUSH_INTERVAL_NS - 1);
            let expected = if n == BATCH { BATCH as u64 } else { 0 };
            assert_eq!(handed_on(), expected, "{n}");
        }
        let flushed_ns = 1000 + FLUSH_INTERVAL_NS - 1;
        recorder.record(sample(1));
        recorder.tick(flushed_ns + FLUSH_INTERVAL_NS - 1);
        assert_eq!(handed_on(), 0);
        recorder.tick(flushed_ns + FLUSH_INTERVAL_NS);
        assert_eq!(handed_on(), 1);
    }

    #[test]
    fn what_was_handed_on_leaves_no_trace() {
        let shard = Shard::new(false);
        let mut extremes = Vec::new();
        for us in [900, 20] {
            let mut recorder = Recorder::new(&shard, 0);
            recorder.record(sample(us));
            recorder.flush();
            let mut all = Interval::new(false);
            shard.drain_into(&mut all);
            let latency = all.measured.latency();
            extremes.push((latency.min() / 1000, latency.max() / 1000));
        }
        assert_eq!(extremes, [(899, 900), (20, 20)]);
    }
}
