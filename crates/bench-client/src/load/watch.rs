//! What is shown of a run while it lasts.

use std::time::{Duration, SystemTime};

use bench_report::results::Second;
use hdrhistogram::Histogram;

/// What a run is shown to while it lasts, by default not at all.
pub(crate) trait Watch {
    /// The load begins.
    fn started(&mut self, _at: SystemTime) {}

    /// A second is over.
    fn second(&mut self, _second: &Second, _length: Duration) {}

    /// These latencies, in nanoseconds, are in the results, a part after the
    /// other: those of `length`, from `start` after the load began on.
    fn interval(&mut self, _start: Duration, _length: Duration, _latencies: &Histogram<u64>) {}

    /// Sending is over, and these replies are waited for, for `left` at most.
    fn waiting(&mut self, _in_flight: u64, _left: Duration) {}
}

/// Shows a run to no one.
pub(crate) struct Unwatched;

impl Watch for Unwatched {}
