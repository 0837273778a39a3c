//! When messages are meant to be sent, in nanoseconds since the load began.

use bench_report::results::Arrivals::{Poisson, Uniform};

use super::{arrivals::RandomTimes, clock::nanos, slots::Slots};
use crate::plan::{Pace, RunPlan};

/// When the messages of one connection are meant to be sent.
#[derive(Clone, Debug)]
pub(crate) enum Schedule {
    /// As soon as there is room in flight.
    Closed,
    /// At fixed times, regardless of replies.
    Open(Slots),
    /// At random times.
    Poisson(RandomTimes),
}

impl Schedule {
    /// That of this rank's connection `index`, from `opening_ns` on.
    pub(crate) fn new(plan: &RunPlan, index: u64, opening_ns: u64) -> Self {
        let Pace::Open { rate } = plan.pace() else {
            return Self::Closed;
        };
        let arguments = &plan.arguments;
        let connections = arguments.connections;
        let number = plan.rank.number(index);
        let mut schedule = match arguments.arrivals {
            Uniform => Self::Open(Slots::new(rate, number, connections)),
            Poisson => Self::Poisson(RandomTimes::new(
                rate,
                number,
                connections,
                arguments.seed,
                nanos(arguments.warmup),
            )),
        };
        schedule.skip_until(opening_ns);
        schedule
    }

    /// Leaves out what is due before `start_ns`.
    pub(crate) fn skip_until(&mut self, start_ns: u64) {
        match self {
            Self::Closed => {}
            Self::Open(slots) => slots.skip(slots.due_before(start_ns)),
            Self::Poisson(arrivals) => arrivals.skip_until(start_ns),
        }
    }

    /// When the next message is meant to be sent, if that is to wait for.
    pub(crate) fn due_ns(&self) -> Option<u64> {
        match self {
            Self::Closed => None,
            Self::Open(slots) => Some(slots.due_ns(0)),
            Self::Poisson(arrivals) => Some(arrivals.due_ns()),
        }
    }

    /// Takes the next message's time if that has come, and is before the end.
    pub(crate) fn take(&mut self, now_ns: u64, end_ns: u64) -> Option<u64> {
        match self {
            Self::Closed => (now_ns < end_ns).then_some(now_ns),
            Self::Open(slots) => {
                let due_ns = slots.due_ns(0);
                (due_ns <= now_ns && due_ns < end_ns).then(|| {
                    slots.skip(1);
                    due_ns
                })
            }
            Self::Poisson(arrivals) => arrivals.take(now_ns, end_ns),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn slots_are_even_and_staggered() {
        let mut schedules = [0, 1, 2].map(|index| Schedule::Open(Slots::new(1e6, index, 3)));
        let mut taken = Vec::new();
        for now_ns in (0..=9_000).step_by(1000) {
            for (index, schedule) in schedules.iter_mut().enumerate() {
                if let Some(due_ns) = schedule.take(now_ns, 9_000) {
                    assert!(schedule.due_ns() == Some(due_ns + 3000));
                    taken.push((index, due_ns));
                }
                assert_eq!(schedule.take(now_ns, 9_000), None, "sent twice");
            }
        }
        // All but the one that is due at 9,000.
        let expected = [0, 1, 2, 0, 1, 2, 0, 1, 2]
            .into_iter()
            .zip((0..9_000).step_by(1000));
        assert_eq!(taken, expected.collect::<Vec<_>>());
    }

    #[test]
    fn a_closed_loop_sends_at_once() {
        assert_eq!(Schedule::Closed.due_ns(), None);
        assert_eq!(Schedule::Closed.take(7, 8), Some(7));
        assert_eq!(Schedule::Closed.take(8, 8), None);
    }

    #[test]
    fn a_late_sender_catches_up_and_a_late_comer_does_not() {
        let mut slots = Slots::new(100.0, 0, 1);
        let late_ns = 95_000_000;
        let mut schedule = Schedule::Open(slots);
        assert_eq!(
            std::iter::from_fn(|| schedule.take(late_ns, u64::MAX)).count(),
            10
        );
        slots.skip(slots.due_before(late_ns));
        assert_eq!(slots.due_ns(0), 100_000_000);
    }

    #[test]
    fn the_end_is_not_before_itself() {
        let slots = Slots::new(1000.0, 0, 1);
        assert_eq!(slots.due_before(3_000_000_000), 3000);
        assert_eq!(slots.due_before(3_000_000_001), 3001);
        assert_eq!(slots.due_before(0), 0);
        // Times beyond all counting are never due.
        assert_eq!(
            Slots::new(1e-3, 1_000_000, 1).due_before(u64::MAX),
            17_446_745
        );
    }

    proptest! {
        #[test]
        fn what_is_due_is_counted_one_by_one(
            rate in 0.01..1e9, index in 0_u64..40, more in 0_u64..40, end_ns in 0_u64..100_000
        ) {
            let slots = Slots::new(rate, index, index + more + 1);
            let counted = (0..=end_ns).take_while(|&n| slots.due_ns(n) < end_ns).count() as u64;
            prop_assert_eq!(slots.due_before(end_ns), counted);
        }
    }
}
