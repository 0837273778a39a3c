//! `echo-server`: sends back what it receives.

use std::process::ExitCode;

use anyhow::Result;
use echo_server::{Config, Server};
use transport::cli;

mod args;

use args::Args;

fn main() -> ExitCode {
    let args: Args = match cli::parse() {
        Ok(args) => args,
        Err(code) => return code,
    };
    cli::log_to_stderr(args.common.verbose, &[]);
    cli::exit_code(args.try_into().and_then(|config| serve(&config)))
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
