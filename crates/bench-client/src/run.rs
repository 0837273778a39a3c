//! One run, from the plan to everything that is written of it.

use std::time::{Duration, SystemTime};

use anyhow::{Result, anyhow};
use transport::{Stop, cli};

use crate::{
    embedded::EmbeddedServer,
    load::{self, Measured, Watch},
    measure, noise,
    output::{self, Export, json, live, summary::Summary, text::plural},
    plan::Plan,
    results::{Results, Second},
    verdict,
};

/// Signals that a run handles: one ends the load, the next the wait for
/// replies.
const PATIENCE: u32 = 2;

/// An expectation was missed, and nothing else went wrong.
#[derive(Debug)]
pub(crate) struct Missed(String);

impl std::fmt::Display for Missed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Missed {}

/// Runs the load and writes what came of it. While a file is opened or written
/// a signal ends the program, since either may block.
///
/// # Errors
///
/// What kept the run from happening, the failures in it, a file that could not
/// be written, or an expectation that was [`Missed`].
pub(crate) fn run(plan: &Plan) -> Result<()> {
    let stop = Stop::on_signals()?;
    let mut view = View {
        live: live::Live::new(plan.load),
        exports: output::create(&plan.output)?,
    };
    stop.be_patient(PATIENCE);
    let results = measure(plan, &stop, &mut view)?;
    stop.be_patient(0);
    let printed = print(plan, &results);
    let finished = view
        .exports
        .into_iter()
        .map(|export| export.finish(&results));
    let unwritten: Vec<_> = finished.filter_map(Result::err).collect();
    conclude(&results, &unwritten).and(printed)
}

/// Runs the load, against a server of its own if that was asked for.
pub(crate) fn measure(plan: &Plan, stop: &Stop, watch: &mut dyn Watch) -> Result<Results> {
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
    Ok(measure::results(&plan, floor, &outcome?))
}

fn print(plan: &Plan, results: &Results) -> Result<()> {
    if plan.output.json.as_deref().is_some_and(json::is_stdout) {
        json::print(results)
    } else {
        cli::print(Summary(results).to_string().trim_end())
    }
}

/// Says how it went: failures first, then files, then expectations.
fn conclude(results: &Results, unwritten: &[anyhow::Error]) -> Result<()> {
    let failures = results.failed();
    let mut errors: Vec<String> = Vec::new();
    if failures > 0 {
        let target = &results.target.address;
        let kinds = verdict::failures(results);
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
    live: live::Live,
    exports: Vec<Box<dyn Export>>,
}

impl Watch for View {
    fn started(&mut self, at: SystemTime) {
        for export in &mut self.exports {
            export.started(at);
        }
    }

    fn second(&mut self, second: &Second, length: Duration) {
        self.live.show(second, length);
    }

    fn interval(&mut self, start: Duration, length: Duration, measured: &Measured) {
        for export in &mut self.exports {
            export.interval(start, length, measured);
        }
    }

    fn waiting(&mut self, in_flight: u64, left: Duration) {
        live::show_waiting(in_flight, left);
    }
}
