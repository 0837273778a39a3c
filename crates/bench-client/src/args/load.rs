//! The options of the load.

use std::{str::FromStr, time::Duration};

use bench_report::statistics::Until;
use clap::Args;
use cli::{
    CpuList,
    args::{parse_count, parse_span, parse_timeout},
};

use super::{
    network::NetworkArgs,
    values::{ArrivalsArg, parse_pipeline, parse_rate},
};

/// How many messages, when and for how long.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Load")]
pub(crate) struct LoadArgs {
    #[command(flatten)]
    pub(crate) shape: ShapeArgs,

    /// Measure for this long [default: until Ctrl-C]
    #[arg(short, long, value_name = "DUR", value_parser = parse_timeout)]
    pub(crate) duration: Option<Duration>,

    /// Measure until this figure is this precise, with 95 % confidence:
    /// throughput±2% or p99+-5%; at most for -d, or 10 minutes without it
    #[arg(long, value_name = "FIGURE±P%", value_parser = Until::from_str)]
    pub(super) until: Option<Until>,

    /// Messages to send over all connections [default: no limit]
    #[arg(short = 'n', long, value_name = "N", value_parser = parse_count)]
    pub(super) requests: Option<u64>,

    /// Messages per second over all connections, sent on time regardless of
    /// replies (open loop) [default: the next once a reply is back (closed loop)]
    #[arg(short, long, value_name = "N", value_parser = parse_rate)]
    pub(super) rate: Option<f64>,

    /// Further connections that stream frames of 64 KiB in the second half of -d:
    /// what they do to the messages; of several ranks each opens its share
    #[arg(long, value_name = "N", value_parser = parse_count, requires = "duration")]
    #[arg(conflicts_with_all = ["requests", "until"])]
    pub(super) load: Option<u64>,

    /// Spread the opening of connections over this time
    #[arg(long, value_name = "DUR", default_value = "0s", value_parser = parse_span)]
    pub(super) ramp: Duration,
}

/// The load but for its rate and its end: what a probe of `capacity` has, too.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Load")]
pub(crate) struct ShapeArgs {
    /// Connections, each with its own thread
    #[arg(short, long, value_name = "N", default_value = "10", value_parser = parse_count)]
    pub(crate) connections: u64,

    /// Maximum messages in flight on each connection
    #[arg(long, value_name = "N", default_value = "1", value_parser = parse_pipeline)]
    pub(crate) pipeline: u64,

    /// When messages of an open loop are due: at even intervals, or as a Poisson
    /// process, as those of many users are
    #[arg(long, value_enum, value_name = "HOW", default_value = "uniform")]
    pub(super) arrivals: ArrivalsArg,

    /// Messages of a connection; then it is closed, and another opened [default: no
    /// limit]
    #[arg(long, value_name = "N", value_parser = parse_count)]
    pub(super) per_connection: Option<u64>,

    /// Warm up for this long; excluded from every figure
    #[arg(long, value_name = "DUR", default_value = "0s", value_parser = parse_span)]
    pub(crate) warmup: Duration,

    /// Run the generator on these CPUs only, such as 0,2-3; the server of
    /// --with-server runs on any
    #[arg(long, value_name = "LIST")]
    pub(super) cpus: Option<CpuList>,

    /// Start an echo server in this process, with the same buffers, and measure
    /// it
    #[arg(long, conflicts_with = "host")]
    pub(super) with_server: bool,

    #[command(flatten)]
    pub(super) network: NetworkArgs,
}

impl LoadArgs {
    /// When the run ends if nothing else ends it.
    pub(super) fn longest(&self) -> Option<Duration> {
        /// Without `-d`, `--until` may take so long.
        const MOST: Duration = Duration::from_mins(10);
        self.duration.or(self.until.as_ref().map(|_| MOST))
    }
}
