//! The real programs, run as a user runs them.
//!
//! On Unix: servers are stopped by signals here.
#![cfg(unix)]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod accounting;
mod bad_input;
mod bench;
#[cfg(target_os = "linux")]
mod budget;
#[cfg(target_os = "linux")]
mod budget_tls;
mod buffering;
mod busy;
mod certificates;
#[cfg(target_os = "linux")]
mod chaos;
mod coded;
mod conversations;
#[cfg(target_os = "linux")]
mod crowding;
mod cut;
mod deadlines;
mod descriptors;
mod draining;
mod encryption;
mod ending;
#[cfg(target_os = "linux")]
mod exhaustion;
mod exports;
mod floods;
#[cfg(target_os = "linux")]
mod footprint;
#[cfg(target_os = "linux")]
mod garbage;
mod goodbyes;
mod handshakes;
mod heartbeat;
#[cfg(target_os = "linux")]
mod idle;
#[cfg(target_os = "linux")]
mod injection;
mod instrument;
#[cfg(target_os = "linux")]
mod itself;
mod lengths;
mod lies;
mod limits;
#[cfg(target_os = "linux")]
mod link;
#[cfg(target_os = "linux")]
mod loss;
mod measuring;
#[cfg(target_os = "linux")]
mod memory;
mod metrics;
#[cfg(target_os = "linux")]
mod neighbours;
mod nonblocking;
mod outlets;
mod overhead;
mod peers;
#[cfg(target_os = "linux")]
mod pids;

mod printing;
mod pty;
mod records;
#[cfg(target_os = "linux")]
mod shortage;
mod signals;
#[cfg(target_os = "linux")]
mod sleeping;
mod slow_readers;
#[cfg(target_os = "linux")]
mod soak;
#[cfg(target_os = "linux")]
mod statistics;
mod stopping;
mod streams;
mod terminal;
#[cfg(target_os = "linux")]
mod threads;
mod truncation;
mod urgent;
mod usage;
#[cfg(target_os = "linux")]
mod vanishing;
mod wire;
#[cfg(target_os = "linux")]
mod zones;
