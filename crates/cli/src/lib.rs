//! What the programs share at the command line.
//!
//! | module | what |
//! | --- | --- |
//! | [`args`] | options of several programs, and the parsers of their values |
//! | `cpus` | which CPUs threads may run on |
//! | `usage` | the command line as text, and what is wrong with it |
//! | `exit` | results on stdout, exit codes |
//! | [`log`] | logs on stderr |
//! | [`signals`] | signals that ask a program to stop |

pub mod args;
mod cpus;
mod exit;
pub mod log;
pub mod signals;
mod usage;

pub use cpus::CpuList;
pub use exit::{StdoutClosed, UsageError, exit_code, has_color, print};
pub use usage::parse;
