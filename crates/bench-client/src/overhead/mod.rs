//! `bench-client overhead`: what each option costs, by the same load with each
//! of them alone.

use std::time::SystemTime;

use anyhow::{Context, Result, anyhow};
use bench_report::{
    export::{OutputFile, is_stdout, write_json},
    overhead::{OverheadReport, OverheadRun, OverheadTable},
};
use cli::signals::Stop;

mod variant;

use variant::Variant;

use crate::{
    args::OverheadArgs,
    load::Unwatched,
    machine,
    run::{measure, print_json},
};

/// Measures all rows and prints what they come to. A signal ends it after the
/// current run, with what there is.
///
/// # Errors
///
/// Invalid arguments, a file that cannot be written, failures in any run.
pub(crate) fn run(args: &OverheadArgs) -> Result<()> {
    OverheadArgs::check_once()?;
    let variants = variant::all(args)?;
    let stop = Stop::on_signals()?;
    let path = args.json.as_deref();
    // A file that cannot be written is reported before the runs.
    let file = path.filter(|path| !is_stdout(path));
    let file = file.map(OutputFile::create).transpose()?;

    stop.be_patient(1);
    let started = SystemTime::now();
    let runs = in_turns(&variants, args.repeats, &stop, |variant, repeat| {
        let run = run_once(variant, repeat);
        tracing::info!("{repeat} of {}: {run}", args.repeats);
        run
    });
    stop.be_patient(0);
    let report = report(args, started, &variants, runs)?;
    let printed = if path.is_some_and(is_stdout) {
        print_json(&report)
    } else {
        cli::print(OverheadTable(&report))
    };
    let failures = report.failures();
    let mut errors = Vec::new();
    if !failures.is_empty() {
        errors.push(format!("runs had failures: {}", failures.join("; ")));
    }
    if let Some(Err(error)) = file.map(|file| write_json(file, &report)) {
        errors.push(format!("{error:#}"));
    }
    if !errors.is_empty() {
        return Err(anyhow!("{}", errors.join("; ")));
    }
    printed
}

fn report(
    args: &OverheadArgs,
    started: SystemTime,
    variants: &[Variant],
    runs: Vec<OverheadRun>,
) -> Result<OverheadReport> {
    let plain = variants.first().context("no row to measure")?;
    let rows: Vec<_> = variants
        .iter()
        .map(|each| (each.name, each.options))
        .collect();
    Ok(OverheadReport::new(
        plain.plan.arguments.clone(),
        args.repeats,
        machine::here(),
        started,
        &rows,
        runs,
    ))
}

/// Measures each of `variants` once in each repeat, forwards and backwards by
/// turns: what drifts meanwhile favours one end as often as the other. Ends
/// between two runs after a signal.
fn in_turns<T>(
    variants: &[T],
    repeats: u64,
    stop: &Stop,
    mut measure: impl FnMut(&T, u64) -> OverheadRun,
) -> Vec<OverheadRun> {
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

fn run_once(variant: &Variant, repeat: u64) -> OverheadRun {
    // A run that a signal cuts short is not like the others.
    let never = Stop::default();
    match measure(&variant.plan, &never, &mut Unwatched) {
        Ok(results) => OverheadRun::of(variant.name, repeat, &results),
        Err(error) => {
            tracing::warn!("{}: {error:#}", variant.name);
            OverheadRun::failed(variant.name, repeat)
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
                stop.ask(15);
            }
            OverheadRun::failed(name, repeat)
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
