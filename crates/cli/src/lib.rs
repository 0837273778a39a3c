//! The command-line parts that all programs share.
//!
//! | module | holds |
//! | --- | --- |
//! | [`args`] | options of several programs, the settings that they resolve to, and parsers of their values |
//! | `cpus` | the CPUs that threads may run on |
//! | `usage` | parsing of the command line, and one-line usage errors |
//! | `exit` | results on stdout, exit codes |
//! | [`mod@format`] | figures as text |
//! | [`output_file`] | files that replace an old one once they are whole |
//! | [`log`] | logs on stderr |
//! | [`signals`] | signals that stop a program |

pub mod args;
mod cpus;
mod exit;
pub mod format;
pub mod log;
pub mod output_file;
pub mod signals;
mod usage;

pub use cpus::CpuList;
pub use exit::{StdoutClosed, UsageError, exit_code, has_color, print};
pub use output_file::{CheckedFile, OutputFile};
pub use transport::PatientFile;
pub use usage::parse;
