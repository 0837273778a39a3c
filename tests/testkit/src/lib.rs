//! Helpers for tests and measurements of the real programs: builds them once,
//! waits for events with deadlines, kills children at the end of a test, and
//! provides peers.
//!
//! Every failure here is a panic; the message names the command and its output.
#![allow(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::new_without_default,
    clippy::panic,
    clippy::unwrap_used
)]

mod build;
pub mod certificates;
mod chaos;
#[cfg(unix)]
pub mod descriptors;
#[cfg(target_os = "linux")]
pub mod footprint;
mod installed;
mod liar;
mod lines;
#[cfg(target_os = "linux")]
pub mod link;
pub mod measured;
#[cfg(target_os = "linux")]
pub mod memory;
pub mod openssl;
mod output;
mod process;
#[cfg(unix)]
pub mod pty;
mod server;
pub mod tokio_peer;
mod wait;
pub mod wire;

pub use build::program;
pub use chaos::{Chaos, ChaosProxy, Plan};
pub use installed::{installed, skip};
pub use liar::{Behaviour, Liar};
pub use lines::OutputLines;
pub use output::ProcessOutput;
#[cfg(unix)]
pub use process::send_signal;
pub use process::{Process, assert_usage_error, run, run_with_input};
pub use server::ServerProcess;
pub use wait::{DEADLINE, alone, wait_until};
