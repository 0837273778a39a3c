//! `repl-client`: sends the lines that are typed and prints the replies.

use std::{
    process::ExitCode,
    sync::{Arc, atomic::AtomicBool},
};

use anyhow::{Context, Result};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};
use transport::{cli, log};

mod args;
mod editor;
mod flood;
mod input;
mod lines;
mod network;
mod printer;
mod queue;
mod session;
mod tally;

use args::{Args, Plan};
use proto::Wire;
use queue::Queue;

fn main() -> ExitCode {
    let args: Args = match cli::parse() {
        Ok(args) => args,
        Err(code) => return code,
    };
    log::to_stderr(args.client.common.verbose, &["rustyline"]);
    cli::exit_code(args.try_into().and_then(|plan| run(&plan)))
}

fn run(plan: &Plan) -> Result<()> {
    let stream = plan.server.dial()?;
    tracing::info!("connection established to tcp://{}", plan.server.host);

    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        flag::register(signal, Arc::clone(&stop)).context("cannot handle signals")?;
    }
    let queue = Arc::new(Queue::new(plan.max_line, plan.wire == Wire::Raw));
    let network = network::start(plan, stream, &queue)?;
    let input = input::start(plan.max_line, &queue)?;
    session::run(plan, &network, input, &queue, &stop)
}
