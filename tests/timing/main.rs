//! Tests that depend on time: limits on lateness, and figures that a busy
//! machine would change.
//!
//! A separate target, because cargo runs targets one after the other: nothing
//! else runs beside these tests. Each holds the lock of
//! [`alone`](testkit::alone), so that they run one at a time. The tests in
//! `e2e` hold on a machine of any speed.
#![cfg(unix)]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

// `bench-client capacity` against servers of known capacity.
mod capacity;
// What made messages slow, by `bench-client`.
#[cfg(target_os = "linux")]
mod causes;
// A path that is cut while both ends stay up.
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
// Figures of `bench-client` that depend on time.
mod measuring;
// A header in a write of its own.
#[cfg(target_os = "linux")]
mod nagle;
// Misbehaving clients beside honest ones.
#[cfg(target_os = "linux")]
mod neighbours;
// A control group that allows no more threads.
#[cfg(target_os = "linux")]
mod pids;
// Reactions that must be fast, or once per second.
mod prompt;
// Waiting uses no CPU.
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
