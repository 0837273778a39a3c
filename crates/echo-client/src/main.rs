//! `echo-client`: sends numbered messages and prints what comes back.

use std::process::ExitCode;

use anyhow::Result;
use cli::{log, signals::Stop};

mod args;
mod check;
mod conversation;
mod lab;

use args::{EchoArgs, EchoCommand, SendPlan};

fn main() -> ExitCode {
    let args: EchoArgs = match cli::parse() {
        Ok(args) => args,
        Err(code) => return code,
    };
    log::to_stderr(args.verbose(), &[]);
    cli::exit_code(execute(args))
}

fn execute(args: EchoArgs) -> Result<()> {
    // Without patience: a signal ends the program, also as the first process of a
    // container.
    let _stop = Stop::on_signals()?;
    match args.command {
        Some(EchoCommand::Check(args)) => check::run(&args),
        Some(EchoCommand::Lab(args)) => lab::run(&args),
        None => echo(&args.try_into()?),
    }
}

fn echo(plan: &SendPlan) -> Result<()> {
    let dialer = &plan.client.dialer;
    let stream = dialer.dial()?;
    tracing::info!("connection established to tcp://{}", dialer.host);
    conversation::run(plan, &stream)
}
