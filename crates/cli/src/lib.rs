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
//!
//! # Examples
//!
//! A client with the options of all clients:
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use clap::Parser;
//! use cli::{args::ClientArgs, log, signals::Stop};
//!
//! /// Connects to a server
//! #[derive(Debug, Parser)]
//! #[command(disable_help_flag = true)] // -h is the host
//! struct Args {
//!     #[command(flatten)]
//!     client: ClientArgs,
//! }
//!
//! fn main() -> ExitCode {
//!     match cli::parse() {
//!         Ok(args) => cli::exit_code(run(&args)),
//!         Err(code) => code,
//!     }
//! }
//!
//! fn run(args: &Args) -> anyhow::Result<()> {
//!     log::to_stderr(args.client.common.verbose, &[]);
//!     let stop = Stop::on_signals()?;
//!     let settings = args.client.resolve()?;
//!     let stream = settings.dialer.dial_while(|| stop.asked() == 0)?;
//!     cli::print(format_args!("connected: {:?}", stream.addrs()?))
//! }
//! ```

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
