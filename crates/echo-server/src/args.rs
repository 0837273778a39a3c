//! The command line, and how it becomes a [`Config`].

use std::time::Duration;

use clap::Parser;
use echo_server::Config;
use proto::{Framing, MaxFrame, Wire};
use transport::{
    ServerTlsArgs,
    args::{BufferArgs, CommonArgs, parse_addr, parse_size, parse_timeout},
    cli::UsageError,
};

/// Sends back what it receives: frames once they are whole, or bare bytes as
/// they come
#[derive(Debug, Parser)]
#[command(version, disable_help_flag = true)]
pub(crate) struct Args {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:60000", value_parser = parse_addr)]
    listen: String,

    /// Echo bare bytes instead of frames
    #[arg(long)]
    raw: bool,

    /// Largest frame to accept
    #[arg(long, value_name = "BYTES", default_value = "8MiB", value_parser = parse_size)]
    max_frame: u64,

    /// Refuse frames without a checksum
    #[arg(long, conflicts_with = "raw")]
    require_checksum: bool,

    /// Longest time for a TLS handshake
    #[arg(long, value_name = "DUR", default_value = "10s", value_parser = parse_timeout)]
    #[arg(help_heading = "Encryption")]
    handshake_timeout: Duration,

    #[command(flatten)]
    pub(crate) common: CommonArgs,

    #[command(flatten)]
    buffers: BufferArgs,

    #[command(flatten)]
    tls: ServerTlsArgs,
}

impl TryFrom<Args> for Config {
    type Error = anyhow::Error;

    fn try_from(args: Args) -> anyhow::Result<Self> {
        let framing = Framing {
            max_frame: MaxFrame::new(args.max_frame)
                .map_err(|error| UsageError(format!("--max-frame: {error}")))?,
            require_checksum: args.require_checksum,
            ..Framing::default()
        };
        Ok(Self {
            tls: args.tls.load(&args.listen)?,
            handshake_timeout: args.handshake_timeout,
            listen: args.listen,
            wire: if args.raw {
                Wire::Raw
            } else {
                Wire::Framed(framing)
            },
            read_buffer: args.buffers.read_buffer,
            write_buffer: args.buffers.write_buffer,
            socket: args.buffers.socket(),
        })
    }
}
