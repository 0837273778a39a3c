//! The samples of a run, or of a part of it, as histograms.

use hdrhistogram::Histogram;

use super::slots::Slots;

/// Digits of a latency that are kept: values within 0.1 % of each other may
/// share a bucket.
const SIGNIFICANT_DIGITS: u8 = 3;

/// The largest latency recorded as it is, in nanoseconds: 100 years, the
/// longest duration that an option takes. A histogram grows as far as the
/// latencies really go.
const HIGHEST_NS: u64 = 3_155_760_000_000_000_000;

/// One message: its reply, or that it has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    /// From the send to the reply.
    pub(crate) uncorrected_ns: u64,
    /// From the intended start to the send.
    pub(crate) lag_ns: u64,
    /// Of a right reply; else zero.
    pub(crate) payload_bytes: u32,
    pub(crate) wire_bytes: u32,
    /// Sent before the measurement began, so in no figure.
    pub(crate) is_warmup: bool,
    /// A right reply that came while it lasted, so in the throughput.
    pub(crate) is_inside: bool,
}

/// The messages of a run, or of a part of it, measured.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    /// From the send to the reply, in nanoseconds.
    pub(crate) uncorrected: Histogram<u64>,
    /// From the intended start, and from there to the send; only with a
    /// schedule.
    pub(crate) scheduled: Option<Scheduled>,
    /// Of right replies.
    pub(crate) payload_bytes: u64,
    pub(crate) wire_bytes: u64,
}

/// The latency, the uncorrected latency and the lag.
type Latencies = (
    Histogram<u64>,
    Option<Histogram<u64>>,
    Option<Histogram<u64>>,
);

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

    /// What is reported as the latency; with a schedule, the uncorrected one and the
    /// lag, too.
    pub(crate) fn into_latencies(self) -> Latencies {
        match self.scheduled {
            None => (self.uncorrected, None, None),
            Some(Scheduled { corrected, lag }) => (corrected, Some(self.uncorrected), Some(lag)),
        }
    }

    pub(super) fn record(&mut self, sample: Sample) {
        record(&mut self.uncorrected, sample.uncorrected_ns, 1);
        if let Some(scheduled) = &mut self.scheduled {
            record(&mut scheduled.lag, sample.lag_ns, 1);
            let corrected = sample.lag_ns.saturating_add(sample.uncorrected_ns);
            record(&mut scheduled.corrected, corrected, 1);
        }
        self.payload_bytes += u64::from(sample.payload_bytes);
        self.wire_bytes += u64::from(sample.wire_bytes);
    }

    /// Records the next `count` messages of `slots`, which were never sent: each
    /// is late by what has passed since it was due, at least.
    ///
    /// There can be a thousand million, so those of one bucket go in at once.
    pub(crate) fn record_unsent(&mut self, slots: &Slots, count: u64, end_ns: u64) {
        let Some(scheduled) = &mut self.scheduled else {
            return;
        };
        let mut slots = *slots;
        let mut left = count;
        while left > 0 {
            let lateness_ns = end_ns.saturating_sub(slots.due_ns(0));
            let least_ns = scheduled.corrected.lowest_equivalent(lateness_ns);
            // As late as this bucket's least, or later.
            let same = slots.due_before(end_ns.saturating_sub(least_ns).saturating_add(1));
            let same = same.clamp(1, left);
            record(&mut scheduled.corrected, lateness_ns, same);
            slots.skip(same);
            left -= same;
        }
    }

    /// Records what of `slots` was due before `end_ns`, `left` at most, and never
    /// sent. Returns how many those are.
    pub(crate) fn add_unsent(&mut self, slots: Slots, left: u64, end_ns: u64) -> u64 {
        let count = slots.due_before(end_ns).min(left);
        self.record_unsent(&slots, count, end_ns);
        count
    }

    /// The same of one message.
    pub(crate) fn record_unsent_at(&mut self, due_ns: u64, end_ns: u64) {
        if let Some(scheduled) = &mut self.scheduled {
            record(&mut scheduled.corrected, end_ns.saturating_sub(due_ns), 1);
        }
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

    /// Forgets all samples. `Histogram::clear` would keep their extremes.
    pub(super) fn reset(&mut self) {
        self.uncorrected.reset();
        if let Some(scheduled) = &mut self.scheduled {
            scheduled.corrected.reset();
            scheduled.lag.reset();
        }
        (self.payload_bytes, self.wire_bytes) = (0, 0);
    }
}

/// One that keeps [`SIGNIFICANT_DIGITS`] from the first nanosecond up.
#[allow(clippy::expect_used)] // Constants, tried by every test of this module.
pub(super) fn histogram() -> Histogram<u64> {
    let mut histogram =
        Histogram::new_with_bounds(1, 2, SIGNIFICANT_DIGITS).expect("the bounds are in order");
    histogram.auto(true);
    histogram
}

pub(super) fn record(histogram: &mut Histogram<u64>, ns: u64, count: u64) {
    // It grows as needed, and HIGHEST_NS is as far as that can go. No message
    // takes no time, whatever the clock says.
    let _ = histogram.record_n(ns.clamp(1, HIGHEST_NS), count);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(super) mod tests {
    use super::*;

    pub(in crate::load) fn sample(us: u64) -> Sample {
        Sample {
            uncorrected_ns: us * 1000,
            lag_ns: 5_000_000,
            payload_bytes: 12,
            wire_bytes: 16,
            is_warmup: false,
            is_inside: true,
        }
    }

    #[test]
    fn without_a_schedule_the_latency_is_uncorrected() {
        let mut measured = Measured::new(false);
        measured.record(sample(1));
        measured.record_unsent(&Slots::new(1.0, 0, 1), 1, 10);
        assert_eq!(measured.latency(), &measured.uncorrected);
        assert_eq!(measured.latency().len(), 1);
    }

    #[test]
    fn nanoseconds_are_told_apart_and_a_century_is_counted() {
        let mut measured = Measured::new(false);
        for ns in [0, 2, 999, 1000, 2047, HIGHEST_NS, u64::MAX] {
            measured.record(Sample {
                uncorrected_ns: ns,
                ..sample(1)
            });
        }
        let values: Vec<u64> = measured
            .latency()
            .iter_recorded()
            .map(|value| value.value_iterated_to())
            .collect();
        assert_eq!(values[..5], [1, 2, 999, 1000, 2047]);
        assert_eq!(measured.latency().len(), 7);
        let off = measured.latency().max() as f64 / HIGHEST_NS as f64 - 1.0;
        assert!(off.abs() < 0.001, "{off}");
    }

    #[test]
    fn what_was_not_sent_is_late_by_its_age() {
        // Due at 3, 13, 23 … 9,993 µs, and the end is at 10 ms.
        let mut slots = Slots::new(1e6, 3, 10);
        let (count, end_ns) = (1000, 10_000_000);
        assert_eq!(slots.due_before(end_ns), count);
        let mut measured = Measured::new(true);
        measured.record_unsent(&slots, count, end_ns);
        let scheduled = measured.scheduled.unwrap();
        let mut one_by_one = histogram();
        for _ in 0..count {
            record(&mut one_by_one, end_ns - slots.due_ns(0), 1);
            slots.skip(1);
        }
        assert_eq!(scheduled.corrected, one_by_one);
        assert!(scheduled.lag.is_empty() && measured.uncorrected.is_empty());
    }

    #[test]
    fn a_thousand_million_unsent_messages_take_no_time() {
        let slots = Slots::new(1e9, 0, 1);
        let mut measured = Measured::new(true);
        measured.record_unsent(&slots, 10_000_000_000, 10_000_000_000);
        let corrected = measured.scheduled.unwrap().corrected;
        assert_eq!(corrected.len(), 10_000_000_000);
        let median = corrected.value_at_quantile(0.5) as f64;
        assert!((median / 5e9 - 1.0).abs() < 0.001, "{median}");
    }
}
