//! `repl-client`: sends the lines that are typed and prints the replies.

use std::{
    process::ExitCode,
    sync::{Arc, atomic::Ordering},
};

use anyhow::Result;
use proto::Wire;
use transport::{cli, log, signals};

mod args;
mod editor;
mod flood;
mod input;
mod lines;
mod network;
mod printer;
mod queue;
mod session;
mod stop;
mod tally;
#[cfg_attr(not(unix), path = "terminal/elsewhere.rs")]
mod terminal;

use args::{Args, Plan};
use queue::Queue;
use stop::{Ended, Stop};

fn main() -> ExitCode {
    let args: Args = match cli::parse() {
        Ok(args) => args,
        Err(code) => return code,
    };
    log::to_stderr(args.client.common.verbose, &["rustyline"]);
    let outcome = args.try_into().and_then(|plan| run(&plan));
    let ended = outcome
        .as_ref()
        .err()
        .and_then(|error| error.downcast_ref());
    let ended = ended.map(Ended::exit_code);
    let code = cli::exit_code(outcome);
    ended.unwrap_or(code)
}

fn run(plan: &Plan) -> Result<()> {
    let ends_at_once = signals::end_as_pid_1()?;
    let stream = plan.server.dial()?;
    let stop = Stop::on_signals()?;
    ends_at_once.store(false, Ordering::Relaxed);
    tracing::info!("connection established to tcp://{}", plan.server.host);

    let queue = Arc::new(Queue::new(plan.max_line, plan.wire == Wire::Raw));
    // First: other threads leave some signals to the one of the input.
    let input = input::start(plan.max_line, &queue)?;
    let network = network::start(plan, stream, &queue)?;
    session::run(plan, network, input, &queue, &stop)
}
