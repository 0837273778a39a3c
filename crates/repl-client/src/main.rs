//! `repl-client`: sends the lines that are typed and prints the replies.

use std::{process::ExitCode, sync::Arc, time::Duration};

use anyhow::Result;
use cli::{log, signals::Stop};
use proto::Wire;

mod args;
mod editor;
mod ended;
mod flood;
mod input;
mod lines;
mod network;
mod printer;
mod queue;
mod session;
mod tally;
#[cfg_attr(not(unix), path = "terminal/elsewhere.rs")]
mod terminal;
mod wire;

use args::{ReplArgs, SessionPlan};
use ended::Ended;
use queue::EventQueue;

/// How long a session may take to end after a signal.
const LONGEST_END: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let args: ReplArgs = match cli::parse() {
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

fn run(plan: &SessionPlan) -> Result<()> {
    let stop = Stop::on_signals()?;
    let dialer = &plan.client.dialer;
    let stream = dialer.dial()?;
    stop.be_patient(1);
    stop.end_within(LONGEST_END);
    tracing::info!("connection established to tcp://{}", dialer.host);

    let queue = Arc::new(EventQueue::new(
        plan.max_line,
        plan.client.wire == Wire::Raw,
    ));
    // First: threads started after it leave some signals to it.
    let input = input::start(plan.max_line, &queue)?;
    let network = network::start(plan, stream, &queue)?;
    session::run(plan, network, input, &queue, &stop)
}
