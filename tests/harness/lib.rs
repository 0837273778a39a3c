//! Runs the real programs for tests and measurements: builds them once, waits
//! for events with deadlines, and lets no child outlive its test.
//!
//! Everything here panics when it fails; the message says which command did
//! what.
#![allow(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::unwrap_used
)]

mod build;
mod chaos;
mod liar;
mod lines;
mod process;
pub mod tokio_peer;

pub use build::program;
pub use chaos::{Chaos, ChaosProxy, Plan};
pub use liar::{Behaviour, Liar};
pub use lines::Lines;
pub use process::{DEADLINE, Output, Process, Server, run, run_with_input};
