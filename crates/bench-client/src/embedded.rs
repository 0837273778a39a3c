//! The server of `--with-server`.

use std::{net::SocketAddr, thread, thread::JoinHandle};

use crate::plan::RunPlan;
use anyhow::{Context, Result};
use echo_server::{Config, Server, StopHandle, Summary};

pub(crate) struct EmbeddedServer {
    addr: SocketAddr,
    stop: StopHandle,
    thread: JoinHandle<Result<Summary>>,
}

impl EmbeddedServer {
    /// Starts a server on a free loopback port, for the clients of `plan`. It
    /// buffers as they do.
    pub(crate) fn start(plan: &RunPlan) -> Result<Self> {
        let server = Server::bind(&Config {
            listen: "127.0.0.1:0".to_owned(),
            wire: plan.client.wire,
            read_buffer: plan.client.read_buffer,
            write_buffer: plan.client.write_buffer,
            socket: plan.client.dialer.socket,
            spin: plan.client.spin,
            tls: plan.server_tls.clone(),
            ..Config::default()
        })?;
        let (addr, stop) = (server.local_addr(), server.stop_handle());
        let thread = thread::Builder::new()
            .name("server".to_owned())
            .spawn(|| server.serve())
            .context("cannot start a thread for the server")?;
        Ok(Self { addr, stop, thread })
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Stops the server and logs what it says it did.
    pub(crate) fn stop(self) {
        self.stop.stop();
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
