//! The real programs, run as a user runs them.
//!
//! On Unix: servers are stopped by signals here.
#![cfg(unix)]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

// What `bench-client` measures, and what it writes.
mod bench;
// The interactive and the one-shot client, and what all programs share at the
// command line.
mod clients;
// Bad networks, failing system calls, exhausted machines.
mod faults;
// The documents say what the programs do.
mod readme;
// What `echo-server` does with its connections, and what it says of them.
mod server;
// The same over TLS.
mod tls;
