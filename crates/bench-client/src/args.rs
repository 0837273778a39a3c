//! The command line, and how it becomes a [`Plan`].

use std::{path::PathBuf, time::Duration};

use anyhow::Result;
use clap::{Parser, Subcommand};
use echo_server::{Cost, MaxConnections};
use transport::{
    ClientTls, Dialer, ServerTls,
    args::{ClientArgs, parse_count, parse_timeout},
    cli::UsageError,
};

use crate::{
    compare::CompareArgs,
    expect::{self, Expect},
    load::sizes::Sizes,
    output::{file, generate::Kind, json},
    overhead::OverheadArgs,
    plan::{Load, Messages, Output, Pace, Plan},
    results::Arguments,
};

/// Measures round trips against an echo server, checks every reply, and says
/// whether the figures can be believed
#[derive(Debug, Parser)]
#[command(
    version,
    disable_help_flag = true,
    args_conflicts_with_subcommands = true
)]
#[command(disable_help_subcommand = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    #[command(flatten)]
    pub(crate) run: RunArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Compare(CompareArgs),
    Overhead(OverheadArgs),
}

/// The configuration of a run.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) load: LoadArgs,

    #[command(flatten)]
    pub(crate) messages: MessageArgs,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    pub(crate) client: ClientArgs,
}

#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Load")]
pub(crate) struct LoadArgs {
    /// Connections, each with a thread of its own
    #[arg(short, long, value_name = "N", default_value = "10", value_parser = parse_count)]
    pub(crate) connections: u64,

    /// How long to measure [default: until Ctrl-C]
    #[arg(short, long, value_name = "DUR", value_parser = parse_timeout)]
    pub(crate) duration: Option<Duration>,

    /// Messages to send, over all connections [default: no limit]
    #[arg(short = 'n', long, value_name = "N", value_parser = parse_count)]
    requests: Option<u64>,

    /// Messages in flight on each connection
    #[arg(long, value_name = "N", default_value = "1", value_parser = parse_pipeline)]
    pub(crate) pipeline: usize,

    /// Messages per second over all connections, sent on time regardless of
    /// replies (open loop) [default: the next when the last is back]
    #[arg(short, long, value_name = "N", value_parser = parse_rate)]
    rate: Option<f64>,

    /// Warm up for this long; excluded from every figure
    #[arg(long, value_name = "DUR", default_value = "0s", value_parser = parse_span)]
    pub(crate) warmup: Duration,

    /// Spread the opening of connections over this long
    #[arg(long, value_name = "DUR", default_value = "0s", value_parser = parse_span)]
    ramp: Duration,

    /// Start an echo server in this process, with the same buffers, and aim
    /// at it
    #[arg(long, conflicts_with = "host")]
    with_server: bool,
}

#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Messages")]
pub(crate) struct MessageArgs {
    /// Payload of each message: 64, any of 64..4k, or one of 64,512,4k
    #[arg(short, long, value_name = "BYTES", default_value = "12", value_parser = Sizes::parse)]
    pub(crate) size: Sizes,

    /// Payloads and sizes depend on this number
    #[arg(long, value_name = "N", default_value = "1")]
    pub(crate) seed: u64,

    /// Share of random bytes in a payload, 0..1: 0 compresses best
    #[arg(long, value_name = "SHARE", default_value = "1", value_parser = parse_share)]
    pub(crate) entropy: f64,

    /// Do not verify reply contents
    #[arg(long)]
    no_verify: bool,
}

#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Results")]
struct OutputArgs {
    /// Fail with exit code 3 unless met: p99<5ms, qps>50k, errors=0, valid;
    /// repeatable
    #[arg(long, value_name = "EXPR", value_parser = expect::parse)]
    expect: Vec<Expect>,

    /// Write the results as JSON; - is stdout, in place of the summary
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Write an HDR histogram log, an interval per second
    #[arg(long, value_name = "FILE")]
    hdr: Option<PathBuf>,

    /// Write a page with plots
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,

    /// Skip the noise-floor measurement
    #[arg(long)]
    no_noise_floor: bool,

    /// Print the man page or a shell's completions and exit
    #[arg(long, value_name = "WHAT", exclusive = true)]
    generate: Option<Kind>,
}

/// Most messages in flight on a connection: memory for each is taken.
const MAX_PIPELINE: usize = 1 << 20;

/// Least and most messages per second: one in a quarter of an hour, and one in
/// a nanosecond.
const RATES: std::ops::RangeInclusive<f64> = 1e-3..=1e9;

impl RunArgs {
    /// What to print instead of running.
    pub(crate) const fn generate(&self) -> Option<Kind> {
        self.output.generate
    }
}

impl TryFrom<RunArgs> for Plan {
    type Error = anyhow::Error;

    fn try_from(args: RunArgs) -> Result<Self> {
        let client = &args.client;
        let wire = client.wire()?;
        check_connections(args.load.connections, args.load.with_server)?;
        let messages = Messages {
            sizes: args.messages.size.clone(),
            seed: args.messages.seed,
            entropy: args.messages.entropy,
            verify: !args.messages.no_verify,
        };
        messages.check(wire)?;
        let output = Output {
            json: args.output.json.clone(),
            hdr: args.output.hdr.clone(),
            report: args.output.report.clone(),
        };
        check_outputs(&output)?;
        let pace = args
            .load
            .rate
            .map_or(Pace::Closed, |rate| Pace::Open { rate });
        let (server, own_server) = server(&args)?;
        Ok(Self {
            arguments: arguments(&args),
            own_server,
            server,
            timeout: client.timeout,
            heartbeat: client.heartbeat,
            wire,
            read_buffer: client.buffers.read_buffer,
            write_buffer: client.buffers.write_buffer.unwrap_or(usize::MAX),
            load: Load {
                connections: args.load.connections,
                pipeline: args.load.pipeline,
                pace,
                duration: args.load.duration,
                requests: args.load.requests,
                warmup: args.load.warmup,
                ramp: args.load.ramp,
                spin: pace.spin(),
            },
            messages,
            expect: args.output.expect,
            noise_floor: !args.output.no_noise_floor,
            output,
        })
    }
}

/// Checks that the machine has threads, memory maps and descriptors for so many
/// connections: for both ends, if both are in this process.
fn check_connections(connections: u64, with_server: bool) -> Result<(), UsageError> {
    let cost = if with_server {
        Cost::BOTH_ENDS
    } else {
        Cost::ONE_END
    };
    let machine = MaxConnections::of_machine(cost);
    if connections > machine.connections {
        return Err(UsageError(format!(
            "--connections: {connections} are more than this machine allows: expected at most \
             {machine}"
        )));
    }
    Ok(())
}

/// Checks that every output has a place of its own.
fn check_outputs(output: &Output) -> Result<(), UsageError> {
    let outputs = [
        ("--json", &output.json),
        ("--hdr", &output.hdr),
        ("--report", &output.report),
    ];
    let mut taken: Vec<(&str, PathBuf)> = Vec::new();
    for (option, path) in outputs {
        let Some(path) = path else { continue };
        if json::is_stdout(path) {
            if option != "--json" {
                let only = "- stands for stdout with --json only: expected a file";
                return Err(UsageError(format!("{option}: {only}")));
            }
            continue;
        }
        // One that cannot be resolved cannot be written either, as will be said.
        let place = file::resolve(path).unwrap_or_else(|_| path.clone());
        if let Some((other, _)) = taken.iter().find(|(_, other)| *other == place) {
            let path = path.display();
            return Err(UsageError(format!(
                "{other} and {option} both name {path}: expected a file for each"
            )));
        }
        taken.push((option, place));
    }
    Ok(())
}

/// How to reach the server, and how ours encrypts if it is in this process.
fn server(args: &RunArgs) -> Result<(Dialer, Option<ServerTls>)> {
    if !args.load.with_server {
        return Ok((args.client.dialer()?, None));
    }
    let (server_tls, client_tls) = own_tls(args.client.tls.is_on())?;
    let dialer = Dialer {
        tls: client_tls,
        ..args.client.plain_dialer()
    };
    Ok((dialer, Some(server_tls)))
}

/// The two ends of encryption with a server in this process.
fn own_tls(is_on: bool) -> Result<(ServerTls, ClientTls)> {
    if is_on {
        transport::tls_pair()
    } else {
        Ok(Default::default())
    }
}

/// What was asked for, as the results show it.
fn arguments(args: &RunArgs) -> Arguments {
    let (load, client) = (&args.load, &args.client);
    let socket = client.buffers.socket();
    let bytes = |size: usize| size as u64;
    Arguments {
        with_server: load.with_server,
        wire: if client.raw { "raw" } else { "framed" }.to_owned(),
        connections: load.connections,
        pipeline: load.pipeline as u64,
        rate: load.rate,
        duration_s: load.duration.map(|duration| duration.as_secs_f64()),
        requests: load.requests,
        warmup_s: load.warmup.as_secs_f64(),
        ramp_s: load.ramp.as_secs_f64(),
        timeout_s: client.timeout.as_secs_f64(),
        size: args.messages.size.to_string(),
        seed: args.messages.seed,
        entropy: args.messages.entropy,
        verify: !args.messages.no_verify,
        checksum: client.checksum,
        compress: client.compress,
        tls: client.tls.is_on(),
        heartbeat_s: client.heartbeat.map(|heartbeat| heartbeat.as_secs_f64()),
        read_buffer: client.buffers.read_buffer.map(bytes),
        write_buffer: client.buffers.write_buffer.map(bytes),
        send_buffer: socket.send_buffer.map(bytes),
        recv_buffer: socket.recv_buffer.map(bytes),
        nodelay: !socket.nagle,
    }
}

pub(crate) fn parse_pipeline(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count) if (1..=MAX_PIPELINE).contains(&count) => Ok(count),
        _ => Err(format!("expected a whole number from 1 to {MAX_PIPELINE}")),
    }
}

fn parse_rate(text: &str) -> Result<f64, String> {
    let (number, factor) = match text.strip_suffix('k') {
        Some(number) => (number, 1e3),
        None => match text.strip_suffix('M') {
            Some(number) => (number, 1e6),
            None => (text, 1.0),
        },
    };
    match number.parse::<f64>() {
        Ok(number) if RATES.contains(&(number * factor)) => Ok(number * factor),
        _ => Err("expected messages per second, such as 0.5, 5000, 50k or 1.5M".to_owned()),
    }
}

pub(crate) fn parse_share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("expected a number from 0 to 1".to_owned()),
    }
}

/// A duration that may be zero.
pub(crate) fn parse_span(text: &str) -> Result<Duration, String> {
    if text == "0s" {
        Ok(Duration::ZERO)
    } else {
        parse_timeout(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates() {
        assert_eq!(parse_rate("0.5"), Ok(0.5));
        assert_eq!(parse_rate("50k"), Ok(50_000.0));
        assert_eq!(parse_rate("1.5M"), Ok(1_500_000.0));
        for bad in ["", "0", "-1", "x", "inf", "nan", "1e300", "k"] {
            assert!(parse_rate(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn outputs_have_places_of_their_own() {
        let check = |json: &str, hdr: &str, report: &str| {
            let path = |path: &str| (!path.is_empty()).then(|| PathBuf::from(path));
            let output = Output {
                json: path(json),
                hdr: path(hdr),
                report: path(report),
            };
            check_outputs(&output).map_err(|error| error.to_string())
        };
        for (json, hdr, report) in [
            ("a", "b", "c"),
            ("-", "b", "c"),
            ("", "", ""),
            ("a", "", ""),
        ] {
            assert_eq!(check(json, hdr, report), Ok(()));
        }
        for (json, hdr, report, expected) in [
            ("a", "a", "", "--json and --hdr both name a"),
            ("a", "b", "./a", "--json and --report both name ./a"),
            ("", "b", "../nowhere/../b", "both name"),
            ("", "-", "", "--hdr: - stands for stdout"),
            ("-", "", "-", "--report: - stands for stdout"),
        ] {
            match check(json, hdr, report) {
                Err(error) => assert!(error.contains(expected), "{error}"),
                // The folder is not there, and so the names differ.
                Ok(()) => assert!(report.contains("nowhere"), "{expected}"),
            }
        }
    }

    #[test]
    fn the_definitions_are_sound() {
        <Args as clap::CommandFactory>::command().debug_assert();
    }
}
