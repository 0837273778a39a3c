//! `echo-client`: sends numbered messages and prints what comes back.

use std::process::ExitCode;

use anyhow::Result;
use transport::{cli, log, signals};

mod args;
mod conversation;

use args::{Args, Plan};

fn main() -> ExitCode {
    let args: Args = match cli::parse() {
        Ok(args) => args,
        Err(code) => return code,
    };
    log::to_stderr(args.client.common.verbose, &[]);
    cli::exit_code(args.try_into().and_then(|plan| run(&plan)))
}

fn run(plan: &Plan) -> Result<()> {
    signals::end_as_pid_1()?;
    let stream = plan.server.dial()?;
    tracing::info!("connection established to tcp://{}", plan.server.host);
    conversation::run(plan, &stream)
}
