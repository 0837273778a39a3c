//! The options of a run, and how they become a [`RunPlan`].

use std::time::SystemTime;

use anyhow::Result;
use bench_report::{export, results::Arguments};
use clap::Args;
use cli::{
    UsageError,
    args::{ClientArgs, ClientSettings},
};
use echo_server::{Cost, MaxConnections};
use transport::{ClientTls, ServerTls};

use super::{LoadArgs, MessageArgs, OutputArgs, RankArgs, rank, values::ArrivalsArg};
use crate::{generate::Kind, load::MAX_CONNECTIONS, plan::RunPlan, rank::Rank};

/// The configuration of a run.
#[derive(Args, Clone, Debug)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) load: LoadArgs,

    #[command(flatten)]
    pub(crate) messages: MessageArgs,

    #[command(flatten)]
    pub(super) rank: RankArgs,

    #[command(flatten)]
    pub(super) output: OutputArgs,

    #[command(flatten)]
    pub(crate) client: ClientArgs,
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
            arrivals: shape.arrivals.into(),
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

    /// Checks the options together, and whether the machine can open so many
    /// connections.
    fn check(&self, rank: Rank, arguments: &Arguments) -> Result<(), UsageError> {
        let shape = &self.load.shape;
        rank::check_shares(rank, arguments)?;
        rank::check_end(rank, self.load.until.is_some())?;
        let (connections, beside) = (shape.connections, arguments.load.unwrap_or(0));
        let own = rank.share(connections).saturating_add(rank.share(beside));
        let option = if beside > 0 {
            "--connections and --load"
        } else {
            "--connections"
        };
        check_connections(option, own, shape.with_server)?;
        check_numbers(option, connections.saturating_add(beside))?;
        shape.network.check(shape.with_server)?;
        if self.load.rate.is_none() && shape.arrivals == ArrivalsArg::Poisson {
            let what = "--arrivals poisson takes an open loop: give --rate";
            return Err(UsageError(what.to_owned()));
        }
        Ok(())
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
        let arguments = args.arguments(rank.ranks());
        args.check(rank, &arguments)?;
        let outputs = args.output.files.of_rank(rank);
        export::check(&outputs).map_err(UsageError)?;
        let (mut client, server_tls) = args.resolve()?;
        client.dialer.network = args.load.shape.network.options();
        let launched = SystemTime::now();
        let plan = Self {
            arguments,
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
        // A usage error is one line, so this is said once there is none.
        args.output.files.warn_of_shared(rank);
        Ok(plan)
    }
}

/// Checks that the machine has threads, memory maps and descriptors for so many
/// connections: for both ends, if both are in this process.
fn check_connections(option: &str, connections: u64, with_server: bool) -> Result<(), UsageError> {
    let cost = if with_server {
        Cost::BOTH_ENDS
    } else {
        Cost::ONE_END
    };
    let machine = MaxConnections::of_machine(cost);
    if connections > machine.connections {
        return Err(UsageError(format!(
            "{option}: {connections} are more than this machine allows: expected at most \
             {machine}"
        )));
    }
    Ok(())
}

/// Checks that messages can say which of all ranks' connections they are of.
fn check_numbers(option: &str, connections: u64) -> Result<(), UsageError> {
    if connections > MAX_CONNECTIONS {
        return Err(UsageError(format!(
            "{option}: {connections}: expected at most {MAX_CONNECTIONS} over all ranks"
        )));
    }
    Ok(())
}
