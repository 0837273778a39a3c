//! The command line, and how it becomes a [`RunPlan`].
//!
//! | file | what |
//! | --- | --- |
//! | `capacity` | the options of `capacity` |
//! | `files` | an option for each format of files |
//! | `merge` | the options of `merge` |
//! | `network` | the options of connections in the network |
//! | `overhead` | the options of `overhead` |
//! | `rank` | the options of a load that several processes share |
//! | `values` | the parsers of values |

use std::{
    str::FromStr,
    time::{Duration, SystemTime},
};

use anyhow::Result;
use bench_report::{Expect, export, results::Arguments, statistics::Until};
use clap::{ArgAction, Parser, Subcommand};
use cli::{
    CpuList, UsageError,
    args::{ClientArgs, ClientSettings, parse_count, parse_span, parse_timeout},
};
use echo_server::{Cost, MaxConnections};
use transport::{ClientTls, ServerTls};

mod capacity;
mod files;
mod merge;
mod network;
mod overhead;
mod rank;
mod values;

pub(crate) use capacity::{CapacityArgs, CapacityPlan};
use files::OutputFiles;
pub(crate) use merge::MergeArgs;
use network::NetworkArgs;
pub(crate) use overhead::OverheadArgs;
use rank::RankArgs;
use values::{ArrivalsArg, parse_pipeline, parse_rate, parse_share};

use crate::{generate::Kind, load::MAX_CONNECTIONS, plan::RunPlan, sizes::Sizes};

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
    Capacity(Box<CapacityArgs>),
    Compare(CompareArgs),
    Merge(MergeArgs),
    Overhead(OverheadArgs),
}

/// Compares two sides of one or more saved runs
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct CompareArgs {
    /// Results of the first side: a file, or several with commas between them
    #[arg(value_name = "A.json[,...]")]
    pub(crate) a: String,

    /// Results of the second side
    #[arg(value_name = "B.json[,...]")]
    pub(crate) b: String,

    /// Compare runs whose arguments differ
    #[arg(long)]
    pub(crate) force: bool,

    /// Print help
    #[arg(long, action = ArgAction::Help)]
    help: Option<bool>,
}

/// The configuration of a run.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) load: LoadArgs,

    #[command(flatten)]
    pub(crate) messages: MessageArgs,

    #[command(flatten)]
    rank: RankArgs,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    pub(crate) client: ClientArgs,
}

#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Load")]
pub(crate) struct LoadArgs {
    #[command(flatten)]
    pub(crate) shape: ShapeArgs,

    /// Measure for this long [default: until Ctrl-C]
    #[arg(short, long, value_name = "DUR", value_parser = parse_timeout)]
    pub(crate) duration: Option<Duration>,

    /// Measure until this figure is so precise, with 95 % confidence:
    /// throughput±2% or p99+-5%; at most for -d, or 10 minutes without it
    #[arg(long, value_name = "FIGURE±P%", value_parser = Until::from_str)]
    until: Option<Until>,

    /// Messages to send over all connections [default: no limit]
    #[arg(short = 'n', long, value_name = "N", value_parser = parse_count)]
    requests: Option<u64>,

    /// Messages per second over all connections, sent on time regardless of
    /// replies (open loop) [default: the next once a reply is back (closed loop)]
    #[arg(short, long, value_name = "N", value_parser = parse_rate)]
    rate: Option<f64>,

    /// When messages of an open loop are due: at even intervals, or as a Poisson
    /// process, as those of many users are
    #[arg(long, value_enum, value_name = "HOW", default_value = "uniform")]
    arrivals: ArrivalsArg,

    /// Further connections that stream frames of 64 KiB in the second half of -d:
    /// what they do to the messages; of several ranks each opens its share
    #[arg(long, value_name = "N", value_parser = parse_count, requires = "duration")]
    #[arg(conflicts_with_all = ["requests", "until"])]
    load: Option<u64>,

    /// Spread the opening of connections over this time
    #[arg(long, value_name = "DUR", default_value = "0s", value_parser = parse_span)]
    ramp: Duration,
}

/// The load but for its pace and its end.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Load")]
pub(crate) struct ShapeArgs {
    /// Connections, each with its own thread
    #[arg(short, long, value_name = "N", default_value = "10", value_parser = parse_count)]
    pub(crate) connections: u64,

    /// Maximum messages in flight on each connection
    #[arg(long, value_name = "N", default_value = "1", value_parser = parse_pipeline)]
    pub(crate) pipeline: u64,

    /// Messages of a connection; then it is closed, and another opened [default: no
    /// limit]
    #[arg(long, value_name = "N", value_parser = parse_count)]
    per_connection: Option<u64>,

    /// Warm up for this long; excluded from every figure
    #[arg(long, value_name = "DUR", default_value = "0s", value_parser = parse_span)]
    pub(crate) warmup: Duration,

    /// Run the generator on these CPUs only, such as 0,2-3; the server of
    /// --with-server runs on any
    #[arg(long, value_name = "LIST")]
    cpus: Option<CpuList>,

    /// Start an echo server in this process, with the same buffers, and measure
    /// it
    #[arg(long, conflicts_with = "host")]
    with_server: bool,

    #[command(flatten)]
    network: NetworkArgs,
}

#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Messages")]
pub(crate) struct MessageArgs {
    /// Payload of each message: 64, any of 64..4k, or one of 64,512,4k
    #[arg(short, long, value_name = "BYTES", default_value = "12", value_parser = Sizes::parse)]
    pub(crate) size: Sizes,

    /// Seed of payloads, sizes and Poisson arrivals
    #[arg(long, value_name = "N", default_value = "1")]
    pub(crate) seed: u64,

    /// Share of random bytes in a payload, from 0 (compresses best) to 1
    #[arg(long, value_name = "SHARE", default_value = "1", value_parser = parse_share)]
    pub(crate) entropy: f64,

    /// Do not verify reply contents
    #[arg(long)]
    no_verify: bool,
}

#[derive(clap::Args, Clone, Debug, Default)]
#[command(next_help_heading = "Results")]
struct OutputArgs {
    /// Exit with code 3 unless met: p99<5ms, qps>50k, errors=0, valid;
    /// repeatable
    #[arg(long, value_name = "EXPR", value_parser = Expect::from_str)]
    expect: Vec<Expect>,

    #[command(flatten)]
    files: OutputFiles,

    /// Skip the noise-floor measurement
    #[arg(long)]
    no_noise_floor: bool,

    /// Print the man page or a shell's completions and exit
    #[arg(long, value_name = "WHAT", exclusive = true)]
    generate: Option<Kind>,
}

impl Args {
    /// How often `-v` was given.
    pub(crate) fn verbose(&self) -> u8 {
        match &self.command {
            Some(Command::Capacity(args)) => args.client.common.verbose,
            _ => self.run.client.common.verbose,
        }
    }
}

impl LoadArgs {
    /// When the run ends if nothing else ends it.
    fn longest(&self) -> Option<Duration> {
        /// Without `-d`, `--until` may take so long.
        const MOST: Duration = Duration::from_mins(10);
        self.duration.or(self.until.as_ref().map(|_| MOST))
    }
}

impl RunArgs {
    /// What to print instead of running.
    pub(crate) const fn generate(&self) -> Option<Kind> {
        self.output.generate
    }

    /// What is requested, as the results show it.
    fn arguments(&self, ranks: u64) -> Arguments {
        let (load, messages, client) = (&self.load, &self.messages, &self.client);
        let shape = &load.shape;
        let socket = client.buffers.socket();
        let bytes = |size: usize| size as u64;
        Arguments {
            with_server: shape.with_server,
            wire: if client.raw { "raw" } else { "framed" }.to_owned(),
            ranks,
            connections: shape.connections,
            pipeline: shape.pipeline,
            rate: load.rate,
            arrivals: load.arrivals.into(),
            until: load.until.as_ref().map(ToString::to_string),
            duration: load.longest(),
            requests: load.requests,
            warmup: shape.warmup,
            load: load.load,
            per_connection: shape.per_connection,
            ramp: load.ramp,
            timeout: client.timeout,
            size: messages.size.to_string(),
            seed: messages.seed,
            entropy: messages.entropy,
            verify: !messages.no_verify,
            checksum: client.checksum,
            compress: client.compress,
            tls: client.tls.is_on(),
            heartbeat: client.heartbeat,
            read_buffer: client.buffers.read_buffer.map(bytes),
            write_buffer: client.buffers.write_buffer.map(bytes),
            send_buffer: socket.send_buffer.map(bytes),
            recv_buffer: socket.recv_buffer.map(bytes),
            nodelay: !socket.nagle,
            spin: client.buffers.spin,
            cpus: shape.cpus.as_ref().map(ToString::to_string),
            ip_version: shape.network.ip_version(),
            sources: shape.network.sources.clone(),
            congestion: shape.network.congestion.clone(),
            dscp: shape.network.dscp,
        }
    }

    /// How to reach the server, and how it encrypts if it is in this process: with
    /// a certificate of its own, which the client pins.
    fn resolve(&self) -> Result<(ClientSettings, Option<ServerTls>)> {
        if !self.load.shape.with_server || !self.client.tls.is_on() {
            return Ok((self.client.resolve()?, None));
        }
        let (server_tls, certificate) = ServerTls::self_signed("localhost:0")?;
        let client_tls = ClientTls::pinned(certificate.fingerprint)?;
        let client = self.client.resolve_with(Some(client_tls));
        Ok((client, Some(server_tls)))
    }
}

impl TryFrom<RunArgs> for RunPlan {
    type Error = anyhow::Error;

    fn try_from(args: RunArgs) -> Result<Self> {
        let rank = args.rank.resolve()?;
        let connections = args.load.shape.connections;
        let beside = args.load.load;
        rank::check_shares(rank, connections, args.load.requests, beside)?;
        rank::check_end(rank, args.load.until.is_some())?;
        let beside = beside.unwrap_or(0);
        let own = rank.share(connections).saturating_add(rank.share(beside));
        check_connections(own, args.load.shape.with_server)?;
        check_numbers(connections.saturating_add(beside))?;
        let outputs = args.output.files.clone().of_rank(rank);
        export::check(&outputs).map_err(UsageError)?;
        args.load.shape.network.check()?;
        if args.load.rate.is_none() && args.load.arrivals == ArrivalsArg::Poisson {
            let what = "--arrivals poisson takes an open loop: give --rate";
            return Err(UsageError(what.to_owned()).into());
        }
        let (mut client, server_tls) = args.resolve()?;
        client.dialer.network = args.load.shape.network.options();
        let launched = SystemTime::now();
        let plan = Self {
            arguments: args.arguments(rank.ranks()),
            rank,
            launched,
            start_at: args.rank.start_at.map(|start| start.resolve(launched)),
            client,
            server_tls,
            cpus: args.load.shape.cpus,
            sizes: args.messages.size,
            until: args.load.until,
            expect: args.output.expect,
            noise_floor: !args.output.no_noise_floor,
            outputs,
        };
        plan.check_sizes()?;
        Ok(plan)
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

/// Checks that messages can say which of all ranks' connections they are of.
fn check_numbers(connections: u64) -> Result<(), UsageError> {
    if connections > MAX_CONNECTIONS {
        return Err(UsageError(format!(
            "--connections: {connections}: expected at most {MAX_CONNECTIONS} over all ranks"
        )));
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use clap::{CommandFactory, ValueEnum};

    use super::*;
    use crate::generate;

    #[test]
    fn the_definitions_are_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn every_option_is_in_the_man_page_and_all_completions() {
        for kind in Kind::value_variants() {
            let text = generate::generate(*kind, Args::command()).unwrap();
            // A man page writes every hyphen as \-.
            let text = String::from_utf8(text).unwrap().replace("\\-", "-");
            let command = Args::command();
            let options: Vec<&str> = command
                .get_arguments()
                .filter_map(|arg| arg.get_long())
                .collect();
            assert!(options.len() > 30);
            for option in options {
                assert!(text.contains(option), "{option} in {kind:?}");
            }
        }
    }
}
