//! The rows: the same load, each time with one more option.

use anyhow::Result;
use bench_report::overhead::{CONTROL, PLAIN};
use clap::Parser;

use crate::{
    args::{self, OverheadArgs},
    plan::RunPlan,
};

/// Each option with a value that shows.
///
/// - A heartbeat has nothing to do while messages flow: it should be free.
/// - Reads of 256 bytes take five for a message of 1 KiB, not one, at both
///   ends.
/// - With `--pipeline` above 1, `--write-buffer 1` writes every message on its
///   own, as a server does that echoes frame by frame.
/// - 16 KiB for the sockets (Linux doubles that) bound what is under way: they
///   matter from about as many bytes in flight on.
/// - Nagle's algorithm holds a small write back while an earlier one is not
///   acknowledged, so it too takes `--pipeline` above 1.
const OPTIONS: [&str; 9] = [
    "--checksum",
    "--compress",
    "--tls",
    "--heartbeat 100ms",
    "--read-buffer 256",
    "--write-buffer 1",
    "--send-buffer 16k",
    "--recv-buffer 16k",
    "--no-nodelay",
];

/// A row: its load.
#[derive(Debug)]
pub(crate) struct Variant {
    pub(crate) name: &'static str,
    /// What it adds to the plain load's command line.
    pub(crate) options: &'static str,
    pub(crate) plan: RunPlan,
}

/// All rows of this build, the plain one first and the control last.
///
/// # Errors
///
/// Arguments that a run would refuse.
pub(crate) fn all(args: &OverheadArgs) -> Result<Vec<Variant>> {
    let options = OPTIONS
        .into_iter()
        .map(|options| (options.trim_start_matches('-'), options));
    [(PLAIN, "")]
        .into_iter()
        .chain(options)
        .chain([(CONTROL, "")])
        .map(|(name, options)| {
            Ok(Variant {
                name,
                options,
                plan: plan(args, options)?,
            })
        })
        .collect()
}

/// The load with `options`, read as a command line: one place makes plans.
fn plan(args: &OverheadArgs, options: &str) -> Result<RunPlan> {
    // The noise floor is the same for all.
    let line = "bench-client --with-server --no-noise-floor --ranks 1 --rank 0";
    let line = line.split(' ').chain(options.split_whitespace());
    let mut run = args::Args::try_parse_from(line)?.run;
    run.load.shape.connections = args.connections;
    run.load.duration = Some(args.duration);
    run.load.shape.warmup = args.warmup;
    run.load.shape.pipeline = args.pipeline;
    run.messages.size = args.size.clone();
    run.messages.seed = args.seed;
    run.messages.entropy = args.entropy;
    run.try_into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// The arguments of `bench-client overhead` with these options.
    fn overhead_args(options: &str) -> OverheadArgs {
        let line = ["bench-client", "overhead"]
            .into_iter()
            .chain(options.split_whitespace());
        match args::Args::try_parse_from(line).unwrap().command {
            Some(args::BenchCommand::Overhead(args)) => args,
            other => unreachable!("{other:?}"),
        }
    }

    #[test]
    fn each_row_differs_from_plain_in_its_option_alone() {
        let variants = all(&overhead_args("-c 3 -d 7s -s 2k --pipeline 5")).unwrap();
        let arguments = |variant: &Variant| {
            let value = serde_json::to_value(&variant.plan.arguments).unwrap();
            value.as_object().unwrap().clone()
        };
        let plain = arguments(&variants[0]);
        for (name, value) in [
            ("connections", Value::from(3)),
            ("duration_s", 7.0.into()),
            ("warmup_s", 0.2.into()),
            ("size", "2k".into()),
            ("pipeline", 5.into()),
            ("entropy", 0.5.into()),
            ("with_server", true.into()),
        ] {
            assert_eq!(plain[name], value, "{name}");
        }
        for variant in &variants {
            let mut differing = arguments(variant);
            differing.retain(|name, value| plain[name] != *value);
            let expected = usize::from(!variant.options.is_empty());
            assert_eq!(differing.len(), expected, "{differing:?}");
        }
    }

    #[test]
    fn plain_runs_enclose_the_others() {
        let variants = all(&overhead_args("")).unwrap();
        let names: Vec<&str> = variants.iter().map(|variant| variant.name).collect();
        assert_eq!((names[0], *names.last().unwrap()), (PLAIN, CONTROL));
        for name in ["tls", "heartbeat 100ms"] {
            assert!(names.contains(&name), "{names:?}");
        }
    }

    #[test]
    fn what_a_run_refuses_is_refused() {
        let error = all(&overhead_args("-s 1GiB")).unwrap_err().to_string();
        assert!(error.contains("exceed the limit"), "{error}");
    }
}
