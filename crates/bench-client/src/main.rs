//! `bench-client`: measures round trips against an echo server.

use std::{
    process::ExitCode,
    sync::{Arc, atomic::AtomicBool},
};

use anyhow::{Result, bail};
use transport::cli;

mod args;
#[allow(dead_code)] // until there is a command for it
mod compare;
mod connection;
mod embedded;
#[allow(dead_code)] // until there is a flag for it
mod expect;
mod load;
#[allow(dead_code)] // until the load fills the results in
mod output;
#[allow(dead_code)] // until the load fills the results in
mod percentile;
mod report;
#[allow(dead_code)] // until the load fills it in
mod results;
mod stats;
#[allow(dead_code)] // until the load fills the results in
mod verdict;

use args::{Args, Plan};
use embedded::EmbeddedServer;

fn main() -> ExitCode {
    let args: Args = match cli::parse() {
        Ok(args) => args,
        Err(code) => return code,
    };
    // An embedded server would report every second what the client reports.
    cli::log_to_stderr(args.client.common.verbose, &["echo_server"]);
    cli::exit_code(args.try_into().and_then(run))
}

fn run(mut plan: Plan) -> Result<()> {
    let stop = Arc::new(AtomicBool::new(false));
    cli::stop_on_signals(&stop)?;
    let server = match plan.own_server.take() {
        Some(tls) => {
            let server = EmbeddedServer::start(plan.wire, tls)?;
            plan.server.host = server.addr().to_string();
            Some(server)
        }
        None => None,
    };

    let outcome = load::run(&plan, &stop)?;
    if let Some(server) = server {
        server.stop();
    }
    let printed = cli::print(report::Summary {
        plan: &plan,
        outcome: &outcome,
    });

    let failures = outcome.stats.failures.total();
    if failures > 0 {
        bail!(
            "{failures} failures against {}: {}",
            plan.server.host,
            outcome.stats.failures
        );
    }
    printed
}
