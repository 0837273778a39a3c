//! `bench-client`: what it measures, and what it writes.

// What a run counts, and each kind of wrong reply.
mod counting;
// Files: JSON, HDR log, HTML.
mod exports;
// Options of a run: warm-up, ramp, sizes; `compare`; help and completions.
mod instrument;
// Servers that lie: each lie is counted by its kind.
mod lies;
// Whether the figures are right.
mod measuring;
// `bench-client overhead`.
mod overhead;
