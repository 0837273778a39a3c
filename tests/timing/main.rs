//! What depends on the clock: bounds on how late something may be, and figures
//! that a busy machine would change.
//!
//! A target of its own, because cargo runs one target after the other: nothing
//! else runs beside these tests. Each of them holds the lock of
//! [`alone`](testkit::alone), so that they do not run beside one another either.
//! Everything in `e2e` holds on a machine of any speed.
#![cfg(unix)]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

// `bench-client capacity` against servers of a known capacity.
mod capacity;
// A path that is cut while both ends live on.
#[cfg(target_os = "linux")]
mod cut;
// Timeouts of a server: each closes in time, for its own reason.
mod deadlines;
// The end of a run of `bench-client`: by an option, a signal, a server that hangs.
mod ending;
// No descriptors left.
#[cfg(target_os = "linux")]
mod exhaustion;
// Heartbeats: dead and slow servers.
mod heartbeat;
// Figures of `bench-client` that depend on when something happens.
mod measuring;
// A header in a write of its own.
#[cfg(target_os = "linux")]
mod nagle;
// Bad clients beside honest ones.
#[cfg(target_os = "linux")]
mod neighbours;
// A control group that allows no more threads.
#[cfg(target_os = "linux")]
mod pids;
// What has to be soon, or once a second.
mod prompt;
// What waits uses no processor.
#[cfg(target_os = "linux")]
mod sleeping;
// Peers that read slowly, and peers that take nothing.
mod slow_readers;
// More connections than the machine allows threads.
#[cfg(target_os = "linux")]
mod threads;
// Clients that vanish in every phase leave nothing behind.
#[cfg(target_os = "linux")]
mod vanishing;
