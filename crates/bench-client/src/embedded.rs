//! The server of `--with-server`.

use std::{
    net::{IpAddr, SocketAddr},
    thread,
    thread::JoinHandle,
};

use crate::plan::RunPlan;
use anyhow::{Context, Result};
use echo_server::{Config, Server, ServerHandle, Summary};

pub(crate) struct EmbeddedServer {
    addr: SocketAddr,
    handle: ServerHandle,
    thread: JoinHandle<Result<Summary>>,
}

impl EmbeddedServer {
    /// Starts a server on a free loopback port, for the clients of `plan`. It
    /// buffers as they do.
    pub(crate) fn start(plan: &RunPlan) -> Result<Self> {
        let mut config = Config::default();
        // Where the connections can come from.
        let is_ipv6 = plan.arguments.ip_version == Some(6)
            || plan.arguments.sources.iter().any(IpAddr::is_ipv6);
        config.listen = if is_ipv6 { "[::1]:0" } else { "127.0.0.1:0" }.into();
        config.wire = plan.client.wire;
        config.read_buffer = plan.client.read_buffer;
        config.write_buffer = plan.client.write_buffer;
        config.socket = plan.client.dialer.socket;
        config.spin = plan.client.spin;
        config.tls.clone_from(&plan.server_tls);
        let server = Server::bind(&config)?;
        let (addr, handle) = (server.local_addr(), server.handle());
        let thread = thread::Builder::new()
            .name("server".to_owned())
            .spawn(|| Ok(server.serve()?))
            .context("cannot start a thread for the server")?;
        Ok(Self {
            addr,
            handle,
            thread,
        })
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Stops the server and logs its summary.
    pub(crate) fn stop(self) {
        self.handle.stop();
        match self.thread.join() {
            Ok(Ok(summary)) => {
                for line in summary.to_string().lines() {
                    tracing::debug!("server: {line}");
                }
            }
            Ok(Err(error)) => tracing::warn!("server: {error:#}"),
            // Its panic has been printed.
            Err(_) => {}
        }
    }
}
