//! The command line, and its conversion to a [`Config`].

use std::time::Duration;

use clap::Parser;
use cli::{
    CpuList,
    args::{
        BufferArgs, CommonArgs, ServerTlsArgs, parse_addr, parse_count, parse_max_frame,
        parse_size, parse_timeout,
    },
};
use echo_server::{Config, Deadlines, StatsTo};
use proto::{Framing, MaxFrame, Wire};

/// Echoes what it receives: complete frames, or raw bytes as they arrive
#[derive(Debug, Parser)]
#[command(version, disable_help_flag = true)]
pub(crate) struct ServerArgs {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:60000", value_parser = parse_addr)]
    listen: String,

    /// Echo raw bytes instead of frames
    #[arg(long)]
    raw: bool,

    /// Maximum frame size to accept
    #[arg(long, value_name = "BYTES", default_value = "8MiB", value_parser = parse_max_frame)]
    max_frame: MaxFrame,

    /// Refuse frames without a checksum
    #[arg(long, conflicts_with = "raw")]
    require_checksum: bool,

    /// Write statistics to a file, one line of JSON per second; - is standard
    /// output
    #[arg(long, value_name = "FILE", value_parser = parse_stats)]
    stats: Option<StatsTo>,

    /// Serve GET /metrics for Prometheus on this address
    #[arg(long, value_name = "ADDR", value_parser = parse_addr)]
    metrics: Option<String>,

    /// Maximum time for a TLS handshake
    #[arg(long, value_name = "DUR", default_value = "10s", value_parser = parse_timeout)]
    #[arg(help_heading = "Encryption")]
    handshake_timeout: Duration,

    /// Run on these CPUs only, such as 0,2-3
    #[arg(long, value_name = "LIST")]
    pub(crate) cpus: Option<CpuList>,

    #[command(flatten)]
    limits: LimitArgs,

    #[command(flatten)]
    pub(crate) common: CommonArgs,

    #[command(flatten)]
    buffers: BufferArgs,

    #[command(flatten)]
    tls: ServerTlsArgs,
}

/// Limits of connections.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Limits")]
struct LimitArgs {
    /// Maximum connections at once [default: what the machine allows]
    #[arg(long, value_name = "N", value_parser = parse_count)]
    max_connections: Option<u64>,

    /// Maximum memory for the buffers of all connections, TLS included (at
    /// least 77 KiB each); each connection's thread takes about 10 KiB more
    #[arg(long, value_name = "BYTES", default_value = "1GiB", value_parser = parse_size)]
    max_memory: u64,

    /// Maximum time without a byte between two frames
    #[arg(long, value_name = "DUR", default_value = "5m", value_parser = parse_timeout)]
    idle_timeout: Duration,

    /// Maximum time from the first byte of a frame to its last
    #[arg(long, value_name = "DUR", default_value = "30s", value_parser = parse_timeout)]
    frame_timeout: Duration,

    /// Maximum time for the peer to read any of its pending echoes
    #[arg(long, value_name = "DUR", default_value = "30s", value_parser = parse_timeout)]
    write_timeout: Duration,

    /// Maximum age of a connection [default: no limit]
    #[arg(long, value_name = "DUR", value_parser = parse_timeout)]
    max_connection_age: Option<Duration>,

    /// Maximum bytes to echo on one connection [default: no limit]
    #[arg(long, value_name = "BYTES", value_parser = parse_size)]
    max_connection_bytes: Option<u64>,

    /// Maximum time to finish echoing received data when the server stops
    #[arg(long, value_name = "DUR", default_value = "5s", value_parser = parse_timeout)]
    drain: Duration,
}

/// Parses a file name; `-` is standard output.
#[allow(clippy::unnecessary_wraps)] // Value parsers return a Result.
fn parse_stats(text: &str) -> Result<StatsTo, String> {
    Ok(match text {
        "-" => StatsTo::Stdout,
        file => StatsTo::File(file.into()),
    })
}

impl TryFrom<ServerArgs> for Config {
    type Error = anyhow::Error;

    fn try_from(args: ServerArgs) -> anyhow::Result<Self> {
        let framing = Framing {
            max_frame: args.max_frame,
            require_checksum: args.require_checksum,
            ..Framing::default()
        };
        let mut deadlines = Deadlines::default();
        deadlines.handshake = args.handshake_timeout;
        deadlines.idle = args.limits.idle_timeout;
        deadlines.frame = args.limits.frame_timeout;
        deadlines.write = args.limits.write_timeout;
        deadlines.max_age = args.limits.max_connection_age;
        deadlines.max_bytes = args.limits.max_connection_bytes;

        let mut config = Self::default();
        config.tls = args.tls.load(&args.listen)?;
        config.deadlines = deadlines;
        config.max_connections = args.limits.max_connections;
        config.max_memory = args.limits.max_memory;
        config.drain = args.limits.drain;
        config.stats = args.stats;
        config.metrics = args.metrics;
        config.listen = args.listen;
        config.wire = if args.raw {
            Wire::Raw
        } else {
            Wire::Framed(framing)
        };
        config.read_buffer = args.buffers.read_buffer;
        config.write_buffer = args.buffers.write_buffer;
        config.spin = args.buffers.spin;
        config.socket = args.buffers.socket();
        Ok(config)
    }
}
