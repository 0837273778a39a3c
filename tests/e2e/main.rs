//! End-to-end tests of the real programs, run as a user runs them.
//!
//! Unix only: servers are stopped by signals.
#![cfg(unix)]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

// Measurements of `bench-client`, and its output.
mod bench;
// The interactive and the one-shot client, and the command line of all
// programs.
mod clients;
// The recipes for many hosts, with their launchers.
#[cfg(target_os = "linux")]
mod cluster;
// Bad networks, failing system calls, exhausted machines.
mod faults;
// The documents match the programs.
mod readme;
// `echo-server`: connections, logs, statistics.
mod server;
// TLS.
mod tls;
