//! `echo-server`: sends back what it receives.

use std::process::ExitCode;

use anyhow::Result;
use echo_server::{Config, Server};
use transport::{cli, log};

mod args;

use args::Args;

fn main() -> ExitCode {
    match cli::parse() {
        Ok(args) => cli::exit_code(run(args)),
        Err(code) => code,
    }
}

fn run(args: Args) -> Result<()> {
    let _log = log::to_stderr_by_thread(args.common.verbose)?;
    serve(&args.try_into()?)
}

fn serve(config: &Config) -> Result<()> {
    let server = Server::bind(config)?;
    cli::stop_on_signals(server.stop_handle().flag())?;
    announce(&server)?;
    let summary = server.serve()?;
    tracing::info!("{summary}");
    tracing::info!("closed: {}", summary.closed);
    Ok(())
}

/// Says where the server listens. It serves on when nobody reads that.
fn announce(server: &Server) -> Result<()> {
    let line = format!("listening on {}", server.local_addr());
    match cli::print(line) {
        Err(error) if !error.is::<cli::StdoutClosed>() => Err(error),
        _ => Ok(()),
    }
}
