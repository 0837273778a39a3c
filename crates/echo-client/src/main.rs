//! `echo-client`: sends numbered messages and prints what comes back.

use std::process::ExitCode;

use anyhow::Result;
use cli::{log, signals::Stop};

mod args;
mod conversation;
mod lab;

use args::{Command, EchoArgs, SendPlan};

fn main() -> ExitCode {
    let args: EchoArgs = match cli::parse() {
        Ok(args) => args,
        Err(code) => return code,
    };
    log::to_stderr(args.client.common.verbose, &[]);
    cli::exit_code(match args.command {
        Some(Command::Lab(args)) => lab::run(&args),
        None => args.try_into().and_then(|plan| run(&plan)),
    })
}

fn run(plan: &SendPlan) -> Result<()> {
    // Without patience: a signal ends the program, also as the first process of a
    // container.
    let _stop = Stop::on_signals()?;
    let dialer = &plan.client.dialer;
    let stream = dialer.dial()?;
    tracing::info!("connection established to tcp://{}", dialer.host);
    conversation::run(plan, &stream)
}
