//! `bench-client overhead`: what each option costs, by the same load with each
//! of them alone.
//!
//! | file | what |
//! | --- | --- |
//! | `variant` | the options, and the load with each of them |
//! | `row` | what the runs of one variant come to |
//! | `report` | all runs and rows: the schema of `--json` |
//! | `table` | the same for people |

use std::{path::PathBuf, time::Duration, time::SystemTime};

use anyhow::{Result, anyhow};
use clap::{ArgAction, Args};
use transport::{
    Stop,
    args::{parse_count, parse_timeout},
    cli,
};

use crate::{
    args::{parse_pipeline, parse_share, parse_span},
    load::{Unwatched, sizes::Sizes},
    output::{json, text::rate},
    run::measure,
};

mod report;
mod row;
mod table;
mod variant;

use report::{Report, Run};
use table::Table;
use variant::Variant;

/// Measures what checksums, compression, encryption, heartbeats, buffers and
/// Nagle's algorithm cost, each alone, against a server in this process
#[derive(Args, Clone, Debug)]
pub(crate) struct OverheadArgs {
    /// Runs of each row; at least 4 to tell a cost from noise
    #[arg(long, value_name = "N", default_value = "5", value_parser = parse_count)]
    repeats: u64,

    /// How long each run measures
    #[arg(short, long, value_name = "DUR", default_value = "1s", value_parser = parse_timeout)]
    duration: Duration,

    /// Warm up each run for this long; excluded from every figure
    #[arg(long, value_name = "DUR", default_value = "200ms", value_parser = parse_span)]
    warmup: Duration,

    /// Connections, each with a thread of its own
    #[arg(short, long, value_name = "N", default_value = "10", value_parser = parse_count)]
    connections: u64,

    /// Messages in flight on each connection; with 1 there is nothing to
    /// collect or to hold back
    #[arg(long, value_name = "N", default_value = "1", value_parser = parse_pipeline)]
    pipeline: usize,

    /// Payload of each message: 64, any of 64..4k, or one of 64,512,4k
    #[arg(short, long, value_name = "BYTES", default_value = "1k", value_parser = Sizes::parse)]
    size: Sizes,

    /// Share of random bytes in a payload, 0..1: 0 compresses best
    #[arg(long, value_name = "SHARE", default_value = "0.5", value_parser = parse_share)]
    entropy: f64,

    /// Payloads and sizes depend on this number
    #[arg(long, value_name = "N", default_value = "1")]
    seed: u64,

    /// Write runs and rows as JSON; - is stdout, in place of the table
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Print help
    #[arg(long, action = ArgAction::Help)]
    help: Option<bool>,
}

/// Measures all rows and prints what they come to. A signal ends it after the
/// current run, with what there is.
///
/// # Errors
///
/// Bad arguments, a file that cannot be written, failures in any run.
pub(crate) fn run(args: &OverheadArgs) -> Result<()> {
    let variants = variant::all(args)?;
    let stop = Stop::on_signals()?;
    let path = args.json.as_deref();
    // What cannot be written is better known before the runs.
    let file = path.filter(|path| !json::is_stdout(path));
    let file = file.map(json::JsonFile::create).transpose()?;

    stop.be_patient(1);
    let started = SystemTime::now();
    let runs = in_turns(&variants, args.repeats, &stop, |variant, repeat| {
        let run = run_once(variant, repeat);
        let (name, repeats, throughput) = (run.name, args.repeats, rate(run.throughput));
        tracing::info!("{repeat} of {repeats}: {name}, {throughput}/s");
        run
    });
    stop.be_patient(0);
    let report = Report::new(args, started, &variants, runs);
    let printed = if path.is_some_and(json::is_stdout) {
        json::print(&report)
    } else {
        cli::print(Table(&report))
    };
    let mut errors = report.failures();
    if let Some(Err(error)) = file.map(|file| file.write(&report)) {
        errors.push(format!("{error:#}"));
    }
    if !errors.is_empty() {
        return Err(anyhow!("runs had failures: {}", errors.join("; ")));
    }
    printed
}

/// Measures each of `variants` once in each repeat, forwards and backwards by
/// turns: what drifts meanwhile favours one end as often as the other. Ends
/// between two runs after a signal.
fn in_turns<T>(
    variants: &[T],
    repeats: u64,
    stop: &Stop,
    mut measure: impl FnMut(&T, u64) -> Run,
) -> Vec<Run> {
    let turns = (1..=repeats).flat_map(|repeat| {
        let mut turn: Vec<(&T, u64)> = variants.iter().map(|each| (each, repeat)).collect();
        if repeat % 2 == 0 {
            turn.reverse();
        }
        turn
    });
    turns
        .take_while(|_| stop.asked() == 0)
        .map(|(variant, repeat)| measure(variant, repeat))
        .collect()
}

fn run_once(variant: &Variant, repeat: u64) -> Run {
    // A run that a signal cuts short is not like the others.
    let never = Stop::default();
    match measure(&variant.plan, &never, &mut Unwatched) {
        Ok(results) => Run::of(variant.name, repeat, &results),
        Err(error) => {
            tracing::warn!("{}: {error:#}", variant.name);
            Run::failed(variant.name, repeat)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The runs of three rows, the `last` of which is interrupted.
    fn turns(repeats: u64, last: usize) -> Vec<(&'static str, u64)> {
        let stop = Stop::default();
        stop.be_patient(1);
        let mut count = 0;
        let runs = in_turns(&["a", "b", "c"], repeats, &stop, |name, repeat| {
            count += 1;
            if count == last {
                stop.ask();
            }
            Run::failed(name, repeat)
        });
        runs.iter().map(|run| (run.name, run.repeat)).collect()
    }

    #[test]
    fn repeats_go_forwards_and_backwards_by_turns() {
        let all = turns(3, usize::MAX);
        let names: String = all.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, "abccbaabc");
        assert_eq!(all.first(), Some(&("a", 1)));
        assert_eq!(all.last(), Some(&("c", 3)));
    }

    #[test]
    fn a_signal_ends_them_after_the_current_run() {
        assert_eq!(turns(3, 4), [("a", 1), ("b", 1), ("c", 1), ("c", 2)]);
    }
}
