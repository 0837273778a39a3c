//! `bench-client`: what it measures, and what it writes.

// `bench-client capacity`.
mod capacity;
// Poisson arrivals.
mod arrivals;
// What a run counts, and each kind of wrong reply.
mod counting;
// Files: JSON, HDR log, HTML.
mod exports;
// Options of a run: warm-up, ramp, sizes; `compare`; help and completions.
mod instrument;
// What the kernel saw of the connections, and why messages were slow.
#[cfg(target_os = "linux")]
mod kernel;
// Servers that lie: each lie is counted by its kind.
mod lies;
// Whether the figures are right.
mod measuring;
// Source addresses, versions of IP, DSCP.
mod network;
// `bench-client overhead`.
mod overhead;
// Connections that follow one another.
mod per_connection;
// As long as it takes.
mod until;
// What a load beside the run does.
mod under_load;
