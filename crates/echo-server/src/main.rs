//! `echo-server`: echoes what it receives.

use std::{io, process::ExitCode};

use anyhow::Result;
use cli::{log, signals};
use echo_server::{Config, Server};
use transport::stdio;

mod args;

use args::ServerArgs;

fn main() -> ExitCode {
    match cli::parse() {
        Ok(args) => cli::exit_code(run(args)),
        Err(code) => code,
    }
}

fn run(args: ServerArgs) -> Result<()> {
    let _log = log::to_stderr_by_thread(args.common.verbose, &[])?;
    if let Some(cpus) = &args.cpus {
        cpus.pin()?;
    }
    serve(&args.try_into()?)
}

fn serve(config: &Config) -> Result<()> {
    let server = Server::bind(config)?;
    let handle = server.handle();
    signals::Stop::on_termination(move || handle.stop())?.be_patient(1);
    match server.reopen_stats() {
        Some(flag) => signals::raise_on_hangup(flag)?,
        None => signals::end_on_hangup()?,
    }
    announce(&server);
    let summary = server.serve()?;
    for line in summary.to_string().lines() {
        tracing::info!("{line}");
    }
    Ok(())
}

/// Prints the address that the server listens on. A failing stdout does not
/// stop the server.
fn announce(server: &Server) {
    let line = format!("listening on {}", server.local_addr());
    if !stdio::has_room(&io::stdout()) {
        return tracing::warn!("stdout is full, not written: {line}");
    }
    match cli::print(&line) {
        Err(error) if !error.is::<cli::StdoutClosed>() => tracing::warn!("{error:#}: {line}"),
        _ => {}
    }
}
