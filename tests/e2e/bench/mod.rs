//! `bench-client`: its measurements and its output.

// `bench-client capacity`.
mod capacity;
// Poisson arrivals.
mod arrivals;
// The counts of a run, and each kind of wrong reply.
mod counting;
// Nagle's algorithm against delayed acknowledgements: which side waits.
#[cfg(target_os = "linux")]
mod delayed_acks;
// Files: JSON, HDR log, HTML.
mod exports;
// Options of a run: warm-up, ramp, sizes; `compare`; help and completions.
mod instrument;
// The kernel's view of the connections.
#[cfg(target_os = "linux")]
mod kernel;
// Faulty servers: each fault is counted by its kind.
mod lies;
// Whether the figures are right.
mod measuring;
// `bench-client merge`.
mod merge;
// Source addresses, IP versions, DSCP.
mod network;
// `bench-client overhead`.
mod overhead;
// Connections that follow one another.
mod per_connection;
// A load that several processes share.
mod ranks;
// As long as it takes.
mod until;
// What a load beside the run does.
mod under_load;

#[cfg(target_os = "linux")]
pub(crate) use merge::samples;
