//! Poisson arrivals: times as random as those of many users who know nothing of
//! each other.

use super::slots::Slots;

/// Gaps between sends that a run keeps, over all connections, to be tested.
const MAX_GAPS: u64 = 4096;

/// The times of one connection. Each draws its own, and all of them together are
/// a Poisson process again, with the sum of the rates.
#[derive(Clone, Debug)]
pub(crate) struct RandomTimes {
    random: fastrand::Rng,
    mean_ns: f64,
    next_ns: f64,
    sent: Gaps,
}

impl RandomTimes {
    /// Those of connection `number` for `rate` messages per second over all
    /// `connections`, of all ranks; what is sent from `start_ns` on is tested.
    pub(crate) fn new(rate: f64, number: u64, connections: u64, seed: u64, start_ns: u64) -> Self {
        let mean_ns = 1e9 / rate * connections as f64;
        let mut arrivals = Self {
            // Not those that the sizes are drawn from.
            random: fastrand::Rng::with_seed(!seed.wrapping_add(number)),
            mean_ns,
            next_ns: 0.0,
            sent: Gaps::new(mean_ns, connections, start_ns),
        };
        arrivals.advance();
        arrivals
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // saturates
    pub(crate) fn due_ns(&self) -> u64 {
        self.next_ns as u64
    }

    fn advance(&mut self) {
        // Of a number above 0.
        self.next_ns -= self.mean_ns * (1.0 - self.random.f64()).ln();
    }

    /// Takes the next time, if it has come and is before the end. The message is
    /// sent now.
    pub(crate) fn take(&mut self, now_ns: u64, end_ns: u64) -> Option<u64> {
        let due_ns = self.due_ns();
        if due_ns > now_ns || due_ns >= end_ns {
            return None;
        }
        self.advance();
        self.sent.sent(now_ns);
        Some(due_ns)
    }

    /// Leaves out what is due before `start_ns`. How long the next one takes from
    /// any instant on does not depend on what was before it.
    pub(crate) fn skip_until(&mut self, start_ns: u64) {
        if self.due_ns() < start_ns {
            self.next_ns = start_ns as f64;
            self.advance();
        }
    }

    /// Takes times before `end_ns`, `most` at most.
    pub(crate) fn drain(&mut self, most: u64, end_ns: u64) -> impl Iterator<Item = u64> + use<'_> {
        let mut left = most;
        std::iter::from_fn(move || {
            let due_ns = self.due_ns();
            left = left.checked_sub(1)?;
            (due_ns < end_ns).then(|| {
                self.advance();
                due_ns
            })
        })
    }

    /// What is left, evenly spaced: where there are too many to be drawn, that
    /// makes no difference.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // saturates
    pub(crate) fn evened(&self) -> Slots {
        let mut slots = Slots::new(1e9 / self.mean_ns, 0, 1);
        slots.skip((self.next_ns / self.mean_ns) as u64);
        slots
    }

    /// Gaps between sends, in units of their expected mean.
    pub(crate) fn into_gaps(self) -> Vec<f64> {
        self.sent.kept
    }
}

/// Gaps between what one connection really sent, spread evenly over the run: when
/// there is no room for more, every other one is dropped, and half as many are kept.
#[derive(Clone, Debug)]
struct Gaps {
    mean_ns: f64,
    start_ns: u64,
    last_ns: Option<u64>,
    kept: Vec<f64>,
    most: usize,
    /// One gap in so many is kept, and how many are left out before the next.
    stride: u32,
    left_out: u32,
}

impl Gaps {
    fn new(mean_ns: f64, connections: u64, start_ns: u64) -> Self {
        let most = usize::try_from(MAX_GAPS / connections).unwrap_or(0).max(2);
        Self {
            mean_ns,
            start_ns,
            last_ns: None,
            kept: Vec::with_capacity(most),
            most,
            stride: 1,
            left_out: 0,
        }
    }

    fn sent(&mut self, now_ns: u64) {
        if now_ns < self.start_ns {
            return;
        }
        let Some(last_ns) = self.last_ns.replace(now_ns) else {
            return;
        };
        self.left_out += 1;
        if self.left_out < self.stride {
            return;
        }
        self.left_out = 0;
        if self.kept.len() == self.most {
            let mut keep = false;
            self.kept.retain(|_| {
                keep = !keep;
                keep
            });
            self.stride = self.stride.saturating_mul(2);
        }
        self.kept
            .push(now_ns.saturating_sub(last_ns) as f64 / self.mean_ns);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use bench_report::statistics::Fit;

    use super::*;

    const MEAN_NS: u64 = 1_000_000;

    /// The fit of what is sent when each message is late by `late_ns` of its time.
    fn fit(late_ns: impl Fn(u64) -> u64) -> Fit {
        let mut arrivals = RandomTimes::new(1000.0, 0, 1, 1, 0);
        for _ in 0..50_000 {
            let due_ns = arrivals.due_ns();
            let taken = arrivals.take(due_ns + late_ns(due_ns), u64::MAX);
            assert_eq!(taken, Some(due_ns));
        }
        let gaps = arrivals.into_gaps();
        assert!((2000..=4096).contains(&gaps.len()), "{}", gaps.len());
        Fit::exponential(gaps).unwrap()
    }

    #[test]
    fn what_is_sent_on_time_passes_and_what_is_late_does_not() {
        let on_time = fit(|_| 0);
        assert!(on_time.p_value > 0.01, "{on_time:?}");
        // All by the same is a shift.
        assert_eq!(fit(|_| 500_000).gaps, on_time.gaps);
        assert!(fit(|_| 500_000).p_value > 0.01);
        // By a timer that ticks in tenths of the mean.
        let ticks = fit(|due_ns| MEAN_NS / 10 - due_ns % (MEAN_NS / 10));
        assert!(ticks.p_value < 1e-3, "{ticks:?}");
    }

    #[test]
    fn a_seed_repeats_its_times_and_connections_differ() {
        let times = |index, seed| -> Vec<u64> {
            let mut arrivals = RandomTimes::new(3000.0, index, 3, seed, 0);
            arrivals.drain(1000, u64::MAX).collect()
        };
        assert_eq!(times(0, 1), times(0, 1));
        assert_ne!(times(0, 1), times(0, 2));
        assert_ne!(times(0, 1), times(1, 1));
        let last_ns = *times(2, 1).last().unwrap() as f64;
        // 1000 gaps of 1 ms: the sum has a deviation of 32.
        assert!((last_ns / 1e9 - 1.0).abs() < 0.13, "{last_ns}");
        assert!(times(0, 1).is_sorted());
    }

    #[test]
    fn only_what_is_due_is_taken() {
        let mut arrivals = RandomTimes::new(1000.0, 0, 1, 1, 0);
        let due_ns = arrivals.due_ns();
        assert_eq!(arrivals.take(due_ns - 1, u64::MAX), None);
        assert_eq!(arrivals.take(due_ns, due_ns), None);
        assert_eq!(arrivals.take(due_ns, due_ns + 1), Some(due_ns));
        arrivals.skip_until(50 * MEAN_NS);
        assert!(arrivals.due_ns() >= 50 * MEAN_NS);
        let next_ns = arrivals.due_ns();
        arrivals.skip_until(next_ns);
        assert_eq!(arrivals.due_ns(), next_ns);
    }

    #[test]
    fn what_is_left_can_be_evened_out() {
        let mut arrivals = RandomTimes::new(1000.0, 0, 1, 1, 0);
        assert_eq!(arrivals.drain(100, u64::MAX).count(), 100);
        let (next_ns, slots) = (arrivals.due_ns(), arrivals.evened());
        assert!(slots.due_ns(0) <= next_ns && next_ns - slots.due_ns(0) <= MEAN_NS);
        assert_eq!(slots.due_ns(1) - slots.due_ns(0), MEAN_NS);
        assert_eq!(arrivals.drain(100, next_ns).count(), 0);
    }

    #[test]
    fn gaps_before_the_measurement_are_left_out() {
        let mut arrivals = RandomTimes::new(1000.0, 0, 1, 1, 20 * MEAN_NS);
        while arrivals.due_ns() < 40 * MEAN_NS {
            arrivals.take(arrivals.due_ns(), u64::MAX);
        }
        let all: f64 = arrivals.into_gaps().iter().sum();
        assert!((10.0..=20.0).contains(&all), "{all}");
    }
}
