//! The samples of a run in slices of time, so that runs of several hosts can be
//! merged over the time that all of them measured.

use std::time::{Duration, SystemTime};

use bench_report::{results::Slice, statistics::encode};

use super::{clock::nanos, measured::Measured, recorder::Interval};

/// Shortest slice, and how many a run of known length has at most: the results
/// stay small however long that is.
const MIN_SLICE_NS: u64 = 1_000_000_000;
const MAX_SLICES: u32 = 100;

/// The length of slices where the length of the run is not known.
const DEFAULT_SLICE_NS: u64 = 10 * MIN_SLICE_NS;

/// The slices of a run so far.
#[derive(Debug)]
pub(super) struct Slices {
    length_ns: u64,
    done: Vec<TimedSlice>,
    current: Option<(u64, Interval)>,
}

/// One whose begin is in nanoseconds since the load began.
#[derive(Debug)]
struct TimedSlice {
    start_ns: u64,
    slice: Slice,
}

impl Slices {
    /// For a run that lasts for `duration`, if that is known.
    pub(super) fn new(duration: Option<Duration>) -> Self {
        let length_ns = duration.map_or(DEFAULT_SLICE_NS, |duration| {
            nanos(duration / MAX_SLICES).next_multiple_of(MIN_SLICE_NS)
        });
        Self {
            length_ns: length_ns.max(MIN_SLICE_NS),
            done: Vec::new(),
            current: None,
        }
    }

    /// Adds what came from `start_ns` to `end_ns`.
    pub(super) fn add(&mut self, interval: &Interval, start_ns: u64, end_ns: u64) {
        let has_schedule = interval.measured.scheduled.is_some();
        let (start_ns, current) = self
            .current
            .get_or_insert_with(|| (start_ns, Interval::new(has_schedule)));
        current.measured.merge(&interval.measured);
        current.inside += interval.inside;
        // The clock is read a little after a whole second.
        if end_ns.saturating_sub(*start_ns) + MIN_SLICE_NS / 2 >= self.length_ns {
            self.close(end_ns);
        }
    }

    /// Ends the current one.
    fn close(&mut self, end_ns: u64) {
        let Some((start_ns, interval)) = self.current.take() else {
            return;
        };
        let Measured {
            uncorrected,
            scheduled,
            ..
        } = &interval.measured;
        let slice = Slice {
            start_unix_s: 0.0,
            length_s: Duration::from_nanos(end_ns.saturating_sub(start_ns)).as_secs_f64(),
            replies: interval.inside,
            latency: encode(interval.measured.latency()),
            latency_uncorrected: scheduled.as_ref().map(|_| encode(uncorrected)),
            schedule_lag: scheduled.as_ref().map(|scheduled| encode(&scheduled.lag)),
        };
        self.done.push(TimedSlice { start_ns, slice });
    }

    /// All of them, of a load that began at `started` and ended at `end_ns`.
    pub(super) fn finish(mut self, started: SystemTime, end_ns: u64) -> Vec<Slice> {
        self.close(end_ns);
        let since_1970 = started.duration_since(SystemTime::UNIX_EPOCH);
        let since_1970 = since_1970.unwrap_or_default();
        let slices = self.done.into_iter();
        slices
            .map(|TimedSlice { start_ns, slice }| Slice {
                start_unix_s: (since_1970 + Duration::from_nanos(start_ns)).as_secs_f64(),
                ..slice
            })
            .collect()
    }
}
