//! `echo-server`: sends back what it receives.

use std::process::ExitCode;

use anyhow::Result;
use cli::{log, signals::Stop};
use echo_server::{Config, Server};

mod args;

use args::Args;

fn main() -> ExitCode {
    match cli::parse() {
        Ok(args) => cli::exit_code(run(args)),
        Err(code) => code,
    }
}

fn run(args: Args) -> Result<()> {
    let _log = log::to_stderr_by_thread(args.common.verbose, &[])?;
    serve(&args.try_into()?)
}

fn serve(config: &Config) -> Result<()> {
    let server = Server::bind(config)?;
    let handle = server.stop_handle();
    Stop::on_signals_then(move || handle.stop())?.be_patient(1);
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
