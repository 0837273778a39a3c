//! What is shown of a run while it lasts.

use std::time::{Duration, SystemTime};

use bench_report::results::Second;
use hdrhistogram::Histogram;

/// What a run is shown to while it lasts.
pub(crate) trait Watch {
    /// The load begins.
    fn started(&mut self, at: SystemTime);

    /// A second is over.
    fn second(&mut self, second: &Second, length: Duration);

    /// These latencies, in nanoseconds, are in the results, a part after the
    /// other: those of `length`, from `start` after the load began on.
    fn interval(&mut self, start: Duration, length: Duration, latencies: &Histogram<u64>);

    /// Sending is over, and these replies are waited for, for `left` at most.
    fn waiting(&mut self, in_flight: u64, left: Duration);
}

/// Shows a run to no one.
pub(crate) struct Unwatched;

impl Watch for Unwatched {
    fn started(&mut self, _: SystemTime) {}

    fn second(&mut self, _: &Second, _: Duration) {}

    fn interval(&mut self, _: Duration, _: Duration, _: &Histogram<u64>) {}

    fn waiting(&mut self, _: u64, _: Duration) {}
}
