//! One run, from the plan to everything that is written of it.

use std::{
    fmt,
    io::{self, Write as _},
    time::{Duration, SystemTime},
};

use anyhow::{Result, anyhow};
use bench_report::{
    Live, Results, Summary,
    export::{self, Export, Output},
    plural,
    results::{Second, kinds},
};
use hdrhistogram::Histogram;
use serde::Serialize;
use terminal_size::{Width, terminal_size_of};
use tracing::Level;
use transport::{Stop, cli};

use crate::{
    embedded::EmbeddedServer,
    load::{self, Watch},
    machine::{self, noise},
    plan::RunPlan,
};

/// Signals that a run handles: one ends the load, the next the wait for
/// replies.
const PATIENCE: u32 = 2;

/// An expectation was missed, and nothing else went wrong.
#[derive(Debug)]
pub(crate) struct Missed(String);

impl fmt::Display for Missed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Missed {}

/// Runs the load and writes its results. While a file is opened or written a
/// signal ends the program, since either may block.
///
/// # Errors
///
/// What kept the run from happening, the failures in it, a file that could not
/// be written, or an expectation that was [`Missed`].
pub(crate) fn run(plan: &RunPlan) -> Result<()> {
    let stop = Stop::on_signals()?;
    let mut view = View {
        live: Live::new(plan.arguments.clone()),
        exports: export::create(&plan.outputs)?,
    };
    stop.be_patient(PATIENCE);
    let results = measure(plan, &stop, &mut view)?;
    stop.be_patient(0);
    let printed = print(plan, &results);
    let exports = view.exports.into_iter();
    let unwritten: Vec<_> = exports
        .filter_map(|export| export.finish(&results).err())
        .collect();
    conclude(&results, &unwritten).and(printed)
}

/// Runs the load, against a server of its own if that was requested.
pub(crate) fn measure(plan: &RunPlan, stop: &Stop, watch: &mut dyn Watch) -> Result<Results> {
    let mut plan = plan.clone();
    let server = match plan.own_server.take() {
        Some(tls) => {
            let server = EmbeddedServer::start(&plan, tls)?;
            plan.server.host = server.addr().to_string();
            Some(server)
        }
        None => None,
    };
    let floor = plan.noise_floor.then(noise::measure).flatten();
    let outcome = load::run(&plan, stop, watch);
    if let Some(server) = server {
        server.stop();
    }
    let RunPlan {
        server,
        arguments,
        expect,
        ..
    } = plan;
    Ok(outcome?.into_results(server.host, arguments, machine::here(), floor, &expect))
}

fn print(plan: &RunPlan, results: &Results) -> Result<()> {
    if plan.outputs.iter().any(Output::is_stdout) {
        print_json(results)
    } else {
        cli::print(Summary(results).to_string().trim_end())
    }
}

/// Prints `value` on stdout.
pub(crate) fn print_json(value: &impl Serialize) -> Result<()> {
    cli::print(serde_json::to_string(value)?)
}

/// Says how it went: failures first, then files, then expectations.
fn conclude(results: &Results, unwritten: &[anyhow::Error]) -> Result<()> {
    let failures = results.failed();
    let mut errors: Vec<String> = Vec::new();
    if failures > 0 {
        let target = &results.target.address;
        let kinds = kinds(&results.failures);
        let failures = plural(failures, "failure");
        errors.push(format!("{failures} against {target}: {kinds}"));
    }
    errors.extend(unwritten.iter().map(|error| format!("{error:#}")));
    if !errors.is_empty() {
        return Err(anyhow!(errors.join("; ")));
    }
    let missed: Vec<String> = results
        .expectations
        .iter()
        .filter(|expectation| !expectation.met)
        .map(ToString::to_string)
        .collect();
    if !missed.is_empty() {
        return Err(Missed(missed.join("; ")).into());
    }
    Ok(())
}

/// What a run is shown to while it lasts.
struct View {
    live: Live,
    exports: Vec<Box<dyn Export>>,
}

impl Watch for View {
    fn started(&mut self, at: SystemTime) {
        for export in &mut self.exports {
            export.started(at);
        }
    }

    fn second(&mut self, second: &Second, length: Duration) {
        print_live(&self.live.second(second, length));
    }

    fn interval(&mut self, start: Duration, length: Duration, latencies: &Histogram<u64>) {
        for export in &mut self.exports {
            export.interval(start, length, latencies);
        }
    }

    fn waiting(&mut self, in_flight: u64, left: Duration) {
        print_live(&Live::waiting(in_flight, left));
    }
}

/// Prints a line on stderr without a time in front, cut to the terminal there,
/// unless the log is turned off.
fn print_live(line: &str) {
    if !tracing::enabled!(Level::INFO) {
        return;
    }
    let mut stderr = io::stderr().lock();
    let columns =
        terminal_size_of(&stderr).map_or(usize::MAX, |(Width(columns), _)| columns.into());
    // Nothing is left to do about a closed stderr.
    let _ = writeln!(stderr, "{}", cut(line, columns));
}

/// As much of `line` as `columns` hold; no line is cut to nothing.
fn cut(line: &str, columns: usize) -> &str {
    let end = line.char_indices().nth(columns.max(1));
    end.and_then(|(end, _)| line.get(..end)).unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_to_the_terminal() {
        assert_eq!(cut("40 µs", 4), "40 µ");
        assert_eq!(cut("40 µs", 5), "40 µs");
        assert_eq!(cut("40 µs", 80), "40 µs");
        assert_eq!(cut("40 µs", 0), "4");
    }
}
