//! One run, from the plan to everything that is written of it.

use std::{
    fs::File,
    io::{BufWriter, Write},
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, SystemTime},
};

use anyhow::{Context, Result, bail};
use transport::cli;

use crate::{
    embedded::EmbeddedServer,
    load::{self, Measured, Watch},
    measure, noise,
    output::{create, hdr_log::HdrLog, json, live::Live, page, summary::Summary},
    plan::Plan,
    results::{Results, Second},
    verdict,
};

/// An expectation was missed, and nothing else went wrong.
#[derive(Debug)]
pub(crate) struct Missed(String);

impl std::fmt::Display for Missed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Missed {}

/// Runs the load and writes what came of it.
///
/// # Errors
///
/// What kept the run from happening, the failures in it, or an expectation
/// that was [`Missed`].
pub(crate) fn run(plan: &Plan) -> Result<()> {
    let stop = Arc::new(AtomicBool::new(false));
    cli::stop_on_signals(&stop)?;
    // What cannot be written is better known before the run.
    let mut files = Files::create(plan)?;
    let results = measure(plan, &stop, &mut files)?;
    files.write(&results)?;
    conclude(plan, &results)
}

/// Runs the load, against a server of its own if that was asked for.
pub(crate) fn measure(plan: &Plan, stop: &AtomicBool, watch: &mut dyn Watch) -> Result<Results> {
    let mut plan = plan.clone();
    let server = match plan.own_server.take() {
        Some(tls) => {
            let server = EmbeddedServer::start(&plan, tls)?;
            plan.server.host = server.addr().to_string();
            plan.arguments.host.clone_from(&plan.server.host);
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

/// Says how it went, by the exit code as well.
fn conclude(plan: &Plan, results: &Results) -> Result<()> {
    let printed = if json::is_stdout(plan.output.json.as_deref()) {
        json::print(results)
    } else {
        cli::print(Summary(results).to_string().trim_end())
    };
    let failures: u64 = results.failures.values().sum();
    if failures > 0 {
        let host = &results.arguments.host;
        bail!(
            "{failures} failures against {host}: {}",
            verdict::failures(results)
        );
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
    printed
}

/// Where a run goes while it lasts and after it.
struct Files {
    live: Option<Live>,
    hdr: Option<HdrLog>,
    json: Option<BufWriter<File>>,
    report: Option<BufWriter<File>>,
}

impl Files {
    fn create(plan: &Plan) -> Result<Self> {
        let output = &plan.output;
        Ok(Self {
            live: Some(Live::new(plan.load)),
            hdr: match &output.hdr {
                Some(path) => Some(HdrLog::start(create(path)?, SystemTime::now())?),
                None => None,
            },
            json: json::create(output.json.as_deref())?,
            report: output.report.as_deref().map(create).transpose()?,
        })
    }

    fn write(mut self, results: &Results) -> Result<()> {
        drop(self.live.take());
        if let Some(hdr) = self.hdr {
            hdr.finish().context("cannot write the HDR log")?;
        }
        if let Some(file) = self.json {
            json::write(file, results)?;
        }
        if let Some(mut report) = self.report {
            report
                .write_all(page::page(results)?.as_bytes())
                .and_then(|()| report.flush())
                .context("cannot write the report")?;
        }
        Ok(())
    }
}

impl Watch for Files {
    fn second(&mut self, second: &Second, length: Duration, measured: &Measured) -> Result<()> {
        if let Some(live) = &mut self.live {
            live.show(second, length.as_secs_f64());
        }
        if let Some(hdr) = &mut self.hdr
            && !second.is_warmup
        {
            let end = Duration::from_secs_f64(second.at_s);
            hdr.add(end.saturating_sub(length), length, measured.latency());
        }
        Ok(())
    }
}

/// Whoever watches a run in silence.
pub(crate) struct Nobody;

impl Watch for Nobody {
    fn second(&mut self, _: &Second, _: Duration, _: &Measured) -> Result<()> {
        Ok(())
    }
}
