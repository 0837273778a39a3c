//! `bench-client capacity`: the highest rate at which expectations hold, by
//! probes of an open loop.

use std::time::{Duration, SystemTime};

use anyhow::{Context, Error, Result, anyhow};
use bench_report::{
    Expect,
    capacity::{CapacityReport, CapacityTable, Probe, ProbeOutcome, Search, SearchStep},
    export::{OutputFile, is_stdout, write_json, write_page},
};
use cli::{args::MAX_DURATION, format::plural, log::Log, signals::Stop};

use crate::{
    args::CapacityPlan,
    load::Unwatched,
    plan::RunPlan,
    run::{PATIENCE, measure, print_json},
};

/// Samples of a probe, by those that its percentiles need at least.
const SAMPLES: f64 = 2.0;

/// Searches and prints what it found. A signal ends it after the current probe,
/// with what there is.
///
/// # Errors
///
/// A server that cannot be reached, a file that cannot be written, no answer.
pub(crate) fn run(plan: &CapacityPlan, log: &Log) -> Result<()> {
    let stop = Stop::on_signals()?;
    let json = plan.json.as_deref();
    // A file that cannot be written is reported before the probes.
    let json_file = json.filter(|path| !is_stdout(path));
    let json_file = json_file.map(OutputFile::create).transpose()?;
    let page = plan.page.as_deref().map(OutputFile::create).transpose()?;

    stop.be_patient(PATIENCE);
    let (report, error) = search(plan, &stop, log)?;
    stop.be_patient(0);
    log.flush();
    let printed = if json.is_some_and(is_stdout) {
        print_json(&report)
    } else {
        cli::print(CapacityTable(&report))
    };
    let json = json_file.map_or(Ok(()), |file| write_json(file, &report));
    let page = page.map_or(Ok(()), |file| write_page(file, &report));
    let concluded = error.map_or_else(|| conclude(&report), Err);
    printed.and(json).and(page).and(concluded)
}

/// Probes until the answer is known, or until a signal or an error ends the probe.
///
/// # Errors
///
/// That of the first probe; a later one is returned with what the others brought.
fn search(plan: &CapacityPlan, stop: &Stop, log: &Log) -> Result<(CapacityReport, Option<Error>)> {
    let started = SystemTime::now();
    let mut search = Search::new(plan.range);
    let (mut probes, mut last, mut ending) = (Vec::new(), None, None);
    let answer = loop {
        let rate = match search.step() {
            SearchStep::Probe(rate) => rate,
            SearchStep::Done(answer) => break Some(answer),
        };
        let results = match measure(&probe_plan(plan, rate), stop, &mut Unwatched) {
            Ok(results) => results,
            Err(error) if last.is_none() => return Err(error),
            Err(error) => {
                ending = Some(error);
                break None;
            }
        };
        if stop.asked() > 0 {
            last.get_or_insert(results);
            break None;
        }
        let probe = Probe::of(rate, plan.max_failures, &results);
        log.line(&probe.to_string());
        match probe.outcome {
            ProbeOutcome::Met => search.record(rate, true),
            ProbeOutcome::Missed => search.record(rate, false),
            ProbeOutcome::Unclear => search.record_unclear(),
        }
        probes.push(probe);
        last = Some(results);
    };
    let last = last.context("no probe was made")?;
    let slo = plan.probe.expect.iter().map(ToString::to_string).collect();
    let max_failures = plan.max_failures;
    let report = CapacityReport::new(started, slo, max_failures, &last, probes, answer);
    Ok((report, ending))
}

/// A run at `rate`, as long as its percentiles need.
fn probe_plan(plan: &CapacityPlan, rate: f64) -> RunPlan {
    let needed = plan.probe.expect.iter().map(Expect::samples_needed).max();
    let needed = SAMPLES * needed.unwrap_or_default() as f64 / rate;
    let needed = Duration::try_from_secs_f64(needed).unwrap_or(MAX_DURATION);
    let mut probe = plan.probe.clone();
    probe.arguments.rate = Some(rate);
    probe.arguments.duration = Some(plan.duration.max(needed).min(MAX_DURATION));
    probe
}

/// A search without an answer is an error.
fn conclude(report: &CapacityReport) -> Result<()> {
    match &report.answer {
        Some(answer) if answer.is_found() => Ok(()),
        Some(answer) => Err(anyhow!("{}", answer.describe(&report.slo.join(", ")))),
        None => Err(anyhow!(
            "interrupted after {}",
            plural(report.probes.len() as u64, "probe")
        )),
    }
}
