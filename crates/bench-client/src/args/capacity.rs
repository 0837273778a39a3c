//! The options of `capacity`, and how they become a [`CapacityPlan`].

use std::{path::PathBuf, str::FromStr, time::Duration};

use anyhow::Result;
use bench_report::{
    Expect,
    capacity::Range,
    export::{self, FORMATS, Format, Output},
};
use clap::Args;
use cli::{
    UsageError,
    args::{ClientArgs, parse_number, parse_timeout},
};

use super::{LoadArgs, MessageArgs, OutputArgs, RankArgs, RunArgs, ShapeArgs, values::parse_rate};
use crate::plan::RunPlan;

/// Finds the highest rate at which latencies stay within a limit
#[derive(Args, Clone, Debug)]
#[command(mut_arg("pipeline", |arg| arg.default_value("16")))]
#[command(mut_arg("warmup", |arg| arg.default_value("500ms")))]
pub(crate) struct CapacityArgs {
    /// What every probe has to meet, as in --expect: p99<5ms; repeatable
    #[arg(long, value_name = "EXPR", required = true, value_parser = Expect::from_str)]
    slo: Vec<Expect>,

    /// Failures that a probe may have
    #[arg(long, value_name = "N", default_value = "0", value_parser = parse_number)]
    max_failures: u64,

    /// Lowest rate to try, messages per second over all connections
    #[arg(long, value_name = "RATE", default_value = "1k", value_parser = parse_rate)]
    from: f64,

    /// Highest rate to try [default: no limit]
    #[arg(long, value_name = "RATE", value_parser = parse_rate)]
    to: Option<f64>,

    /// Minimum length of a probe; it is longer where a percentile needs more
    /// samples
    #[arg(short, long, value_name = "DUR", default_value = "2s", value_parser = parse_timeout)]
    duration: Duration,

    /// Write probes and answer as JSON; - is stdout, in place of the table
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Write a page with plots
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,

    #[command(flatten)]
    shape: ShapeArgs,

    #[command(flatten)]
    messages: MessageArgs,

    #[command(flatten)]
    pub(super) client: ClientArgs,
}

/// What to search, and how.
#[derive(Debug)]
pub(crate) struct CapacityPlan {
    /// Of every probe, but for the rate and the duration.
    pub(crate) probe: RunPlan,
    pub(crate) range: Range,
    pub(crate) max_failures: u64,
    /// Minimum length of a probe.
    pub(crate) duration: Duration,
    pub(crate) json: Option<PathBuf>,
    pub(crate) page: Option<PathBuf>,
}

impl CapacityArgs {
    /// The files that were requested.
    fn outputs(&self) -> Vec<Output> {
        let output = |format: &'static Format| {
            let path = match format.option {
                "json" => self.json.clone(),
                "report" => self.report.clone(),
                _ => None,
            }?;
            Some(Output { format, path })
        };
        FORMATS.into_iter().filter_map(output).collect()
    }
}

impl TryFrom<CapacityArgs> for CapacityPlan {
    type Error = anyhow::Error;

    fn try_from(args: CapacityArgs) -> Result<Self> {
        RankArgs::check_once("capacity")?;
        if let Some(to) = args.to.filter(|&to| to < args.from) {
            let what = format!("--to: {to} is below --from {}", args.from);
            return Err(UsageError(what).into());
        }
        export::check(&args.outputs()).map_err(UsageError)?;
        let run = RunArgs {
            load: LoadArgs {
                shape: args.shape,
                duration: None,
                until: None,
                load: None,
                requests: None,
                // Each probe has its own.
                rate: Some(args.from),
                ramp: Duration::ZERO,
            },
            messages: args.messages,
            rank: RankArgs::ALONE,
            output: OutputArgs {
                expect: args.slo,
                ..OutputArgs::default()
            },
            client: args.client,
        };
        Ok(Self {
            probe: run.try_into()?,
            range: Range {
                from: args.from,
                to: args.to,
            },
            max_failures: args.max_failures,
            duration: args.duration,
            json: args.json,
            page: args.report,
        })
    }
}
