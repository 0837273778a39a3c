//! The command line, and how it becomes a [`Plan`].

use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use proto::{Wire, Writer};
use transport::{
    ClientTls, Dialer, ServerTls,
    args::{ClientArgs, parse_count, parse_size, parse_timeout},
    cli::UsageError,
};

/// Measures round trips: every connection sends a message, waits for its
/// reply, checks it and sends the next
#[derive(Debug, Parser)]
#[command(version, disable_help_flag = true)]
pub(crate) struct Args {
    /// Connections, each with one message in flight
    #[arg(short, long, value_name = "N", default_value = "10", value_parser = parse_count)]
    connections: u64,

    /// How long to send [default: until Ctrl-C]
    #[arg(short, long, value_name = "DUR", value_parser = parse_timeout)]
    duration: Option<Duration>,

    /// Messages to send, over all connections [default: no limit]
    #[arg(short = 'n', long, value_name = "N", value_parser = parse_count)]
    requests: Option<u64>,

    /// Payload of each message
    #[arg(short, long, value_name = "BYTES", default_value = "12", value_parser = parse_size)]
    size: u64,

    /// Start an echo server in this process and aim at it
    #[arg(long, conflicts_with = "host")]
    with_server: bool,

    #[command(flatten)]
    pub(crate) client: ClientArgs,
}

/// What one run does.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) server: Dialer,
    /// How the server in this process encrypts, if there is to be one.
    pub(crate) own_server: Option<ServerTls>,
    pub(crate) timeout: Duration,
    pub(crate) heartbeat: Option<Duration>,
    pub(crate) wire: Wire,
    pub(crate) read_buffer: usize,
    pub(crate) connections: u64,
    pub(crate) duration: Option<Duration>,
    pub(crate) requests: Option<u64>,
    pub(crate) payload: Vec<u8>,
    /// The payload as it is on the wire.
    pub(crate) message: Vec<u8>,
}

/// What the seed sends. Other sizes repeat or cut it.
const MESSAGE: &[u8] = b"Hello World!";

/// Most connections: more than any machine has threads for.
const MAX_CONNECTIONS: u64 = 1_000_000;

impl TryFrom<Args> for Plan {
    type Error = anyhow::Error;

    fn try_from(args: Args) -> Result<Self> {
        let wire = Wire::of_client(
            args.client.raw,
            args.client.max_frame,
            args.client.checksum,
            args.client.compress,
        )
        .map_err(|error| UsageError(format!("--max-frame: {error}")))?;
        if args.connections > MAX_CONNECTIONS {
            let connections = args.connections;
            return Err(UsageError(format!(
                "--connections: {connections} is more than the {MAX_CONNECTIONS} allowed"
            ))
            .into());
        }
        // Bare bytes have no limit of their own; memory does.
        if args.size > u64::from(proto::MAX_LEN) {
            let (size, max) = (args.size, proto::MAX_LEN);
            return Err(
                UsageError(format!("--size: {size} bytes exceed the limit of {max}")).into(),
            );
        }
        let payload: Vec<u8> = (0..args.size)
            .zip(MESSAGE.iter().cycle())
            .map(|(_, byte)| *byte)
            .collect();
        let mut message = Writer::new(wire);
        message
            .add(&payload)
            .map_err(|error| UsageError(format!("--size against --max-frame: {error}")))?;
        let (server, own_server) = if args.with_server {
            let (server_tls, client_tls) = own_tls(args.client.tls.is_on())?;
            let dialer = Dialer {
                tls: client_tls,
                ..args.client.plain_dialer()
            };
            (dialer, Some(server_tls))
        } else {
            (args.client.dialer()?, None)
        };
        Ok(Self {
            server,
            own_server,
            timeout: args.client.timeout,
            read_buffer: args.client.buffers.read_buffer,
            heartbeat: args.client.heartbeat,
            wire,
            connections: args.connections,
            duration: args.duration,
            requests: args.requests,
            message: message.raw().to_vec(),
            payload,
        })
    }
}

/// The two ends of encryption with a server in this process.
fn own_tls(is_on: bool) -> Result<(ServerTls, ClientTls)> {
    if is_on {
        transport::tls_pair()
    } else {
        Ok(Default::default())
    }
}
