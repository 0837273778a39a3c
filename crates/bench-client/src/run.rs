//! One run, from the plan to everything that is written of it.

use std::{
    fmt, io,
    time::{Duration, SystemTime},
};

use anyhow::{Error, Result, anyhow};
use bench_report::{
    Live, Results, RunSummary,
    export::{self, Export, Output},
    results::{RankLine, Second, instant, kinds},
};
use cli::{format::plural, log::Log, signals::Stop};
use hdrhistogram::Histogram;
use serde::Serialize;
use terminal_size::{Width, terminal_size_of};

use crate::{
    embedded::EmbeddedServer,
    load::{self, Watch},
    machine::{self, clock::HostClock, noise},
    plan::RunPlan,
};

/// Signals that a run handles: one ends the load, the next the wait for
/// replies.
pub(crate) const PATIENCE: u32 = 2;

/// An expectation or a precision was missed, and nothing else went wrong.
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
pub(crate) fn run(plan: &RunPlan, log: &Log) -> Result<()> {
    // A start that is past is reported before files are opened.
    plan.load_start().map_err(Error::msg)?;
    let stop = Stop::on_signals()?;
    let mut view = View {
        log,
        live: Live::new(plan.arguments.clone()),
        exports: export::create(&plan.outputs)?,
    };
    stop.be_patient(PATIENCE);
    let results = measure(plan, &stop, &mut view)?;
    stop.be_patient(0);
    log.flush();
    write(&results, &plan.outputs, view.exports)
}

/// Prints and writes results, and says how it went.
pub(crate) fn write(
    results: &Results,
    outputs: &[Output],
    exports: Vec<Box<dyn Export>>,
) -> Result<()> {
    let printed = print(outputs, results);
    let exports = exports.into_iter();
    let unwritten: Vec<_> = exports
        .filter_map(|export| export.finish(results).err())
        .collect();
    conclude(results, &unwritten).and(printed)
}

/// Runs the load, against a server of its own if that was requested.
pub(crate) fn measure(plan: &RunPlan, stop: &Stop, watch: &mut dyn Watch) -> Result<Results> {
    let mut plan = plan.clone();
    let server = plan.arguments.with_server;
    let server = server.then(|| EmbeddedServer::start(&plan)).transpose()?;
    if let Some(server) = &server {
        plan.client.dialer.host = server.addr().to_string();
    }
    let machine = machine::here();
    if let Some(cpus) = &plan.cpus {
        cpus.pin()?;
    }
    let floor = plan.noise_floor.then(noise::measure).flatten();
    let line = rank_line(&plan);
    let outcome = load::run(&plan, stop, watch);
    if let Some(server) = server {
        server.stop();
    }
    let RunPlan {
        client,
        arguments,
        expect,
        ..
    } = plan;
    let address = client.dialer.host;
    Ok(outcome?.into_results(address, arguments, machine, line, floor, &expect))
}

/// Which part of the load this is, and by which clock.
fn rank_line(plan: &RunPlan) -> RankLine {
    let is_alone = plan.rank.ranks() == 1 && plan.start_at.is_none();
    let clock = (!is_alone).then(HostClock::here).unwrap_or_default();
    RankLine {
        rank: plan.rank.rank(),
        host: machine::host(),
        clock: clock.id,
        clock_synchronised: clock.is_synchronised,
        launched: instant(plan.launched),
        intended_start: plan.start_at.map(instant),
        cpu_list: machine::cpu::allowed(),
        ..RankLine::default()
    }
}

fn print(outputs: &[Output], results: &Results) -> Result<()> {
    if outputs.iter().any(Output::is_stdout) {
        print_json(results)
    } else {
        cli::print(RunSummary(results).to_string().trim_end())
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
    let precision = results.precision.as_ref();
    let imprecise = precision.filter(|precision| !precision.reached);
    let missed: Vec<String> = results
        .expectations
        .iter()
        .filter(|expectation| !expectation.met)
        .map(ToString::to_string)
        .chain(imprecise.map(ToString::to_string))
        .collect();
    if !missed.is_empty() {
        return Err(Missed(missed.join("; ")).into());
    }
    Ok(())
}

/// What a run is shown to while it lasts.
struct View<'a> {
    log: &'a Log,
    live: Live,
    exports: Vec<Box<dyn Export>>,
}

impl View<'_> {
    /// Shows what the terminal holds of a line.
    fn show(&self, line: &str) {
        let columns = terminal_size_of(io::stderr());
        let columns = columns.map_or(usize::MAX, |(Width(columns), _)| columns.into());
        self.log.line(cut(line, columns));
    }
}

impl Watch for View<'_> {
    fn started(&mut self, at: SystemTime) {
        for export in &mut self.exports {
            export.started(at);
        }
    }

    fn second(&mut self, second: &Second, length: Duration) {
        let line = self.live.second(second, length);
        self.show(&line);
    }

    fn interval(&mut self, start: Duration, length: Duration, latencies: &Histogram<u64>) {
        for export in &mut self.exports {
            export.interval(start, length, latencies);
        }
    }

    fn waiting(&mut self, in_flight: u64, left: Duration) {
        self.show(&Live::waiting(in_flight, left));
    }
}

/// As many whole figures, which stand two blanks apart, as `columns` hold; no line is
/// cut to nothing.
fn cut(line: &str, columns: usize) -> &str {
    let first = |columns| {
        let end = line.char_indices().nth(columns);
        end.and_then(|(end, _)| line.get(..end)).unwrap_or(line)
    };
    let columns = columns.max(1);
    let part = first(columns);
    if part == line {
        return line;
    }
    // With the blanks behind the last figure.
    let whole = first(columns.saturating_add(2)).rsplit_once("  ");
    whole.map_or(part, |(whole, _)| whole)
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
        assert_eq!(cut("1 s  40 µs  3 in flight", 22), "1 s  40 µs");
        assert_eq!(cut("1 s  40 µs  3 in flight", 10), "1 s  40 µs");
        assert_eq!(cut("1 s  40 µs  3 in flight", 9), "1 s");
        assert_eq!(
            cut("1 s  40 µs  3 in flight", 23),
            "1 s  40 µs  3 in flight"
        );
    }
}
