//! How much a run may be off before it is suspect.

/// How far Little's law may be off: in flight = throughput × latency holds for
/// any load, so a larger gap is an error of measurement.
pub(super) const LITTLE_TOLERANCE: f64 = 0.05;

/// Looks that the load takes at the messages in flight, a second.
pub(super) const LOOKS_PER_SECOND: f64 = 100.0;

/// Messages that the looks must have seen for Little's law to be tried. Seeing
/// n by chance leaves a relative error of 1/√n; three of those fit into the
/// tolerance from n = (3 / 0.05)² on.
pub(super) const LITTLE_MIN_SEEN: f64 = 3600.0;

/// Replies there must be for each message in flight: those in flight at either
/// end were seen and not counted, here 1 % at most.
pub(super) const LITTLE_MIN_TURNS: f64 = 100.0;

/// Share of the asked rate that must be achieved. The messages that are missing
/// were held up, and with more than 1 % of them they could be all that lies
/// beyond p99.
pub(super) const MIN_RATE_SHARE: f64 = 0.99;

/// Share of all processors from which on the generator waits for itself.
pub(super) const MAX_OWN_SHARE: f64 = 0.9;

/// Busy share of all processors from which on a server on this host waits for
/// the generator.
pub(super) const MAX_HOST_SHARE: f64 = 0.95;

/// Least fairness. With half of the connections at twice the replies of the
/// others it is still 0.9: (1.5)² / 2.5.
pub(super) const MIN_FAIRNESS: f64 = 0.9;

/// The least share of the median that a connection must have.
pub(super) const MIN_REPLIES_SHARE: f64 = 0.5;

/// Median below which uneven replies are chance: 100 have a standard deviation
/// of 10, so that half of them is five away.
pub(super) const FAIRNESS_MIN_MEDIAN: u64 = 100;

/// The percentile that every summary shows.
pub(super) const LEAST_PERCENTILE: f64 = 0.99;
