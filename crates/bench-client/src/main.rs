//! `bench-client`: measures round trips against an echo server.

use std::process::ExitCode;

use anyhow::Result;
use bench_report::compare;
use clap::CommandFactory;
use cli::log;

mod args;
mod capacity;
mod embedded;
mod generate;
mod load;
mod machine;
mod merge;
mod overhead;
mod plan;
mod rank;
mod run;
mod sizes;
mod start;

use args::{Args, BenchCommand};

/// Exit code of a run that missed an expectation.
const MISSED: u8 = 3;

fn main() -> ExitCode {
    let args: Args = match cli::parse() {
        Ok(args) => args,
        Err(code) => return code,
    };
    let outcome = execute(args);
    let has_missed = matches!(&outcome, Err(error) if error.is::<run::Missed>());
    let code = cli::exit_code(outcome);
    if has_missed {
        ExitCode::from(MISSED)
    } else {
        code
    }
}

fn execute(args: Args) -> Result<()> {
    // An embedded server would report every second what the client reports.
    let log = log::to_stderr_by_thread(args.verbose(), &["echo_server"])?;
    if let Some(kind) = args.run.generate() {
        return generate::print(kind, Args::command());
    }
    match args.command {
        Some(BenchCommand::Capacity(args)) => capacity::run(&(*args).try_into()?, &log),
        Some(BenchCommand::Compare(args)) => cli::print(compare(&args.a, &args.b, args.force)?),
        Some(BenchCommand::Merge(args)) => merge::run(&args),
        Some(BenchCommand::Overhead(args)) => overhead::run(&args),
        None => run::run(&args.run.try_into()?, &log),
    }
}
