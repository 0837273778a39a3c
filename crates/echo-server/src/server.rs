//! One server's life: bind, serve, stop, summary.

use std::{
    fmt,
    net::{Shutdown, SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

use crate::{
    Config, Traffic,
    accept::{self, Acceptor},
    registry::Registry,
    watcher::Watcher,
};

/// How long a stopping server lets connections finish what has arrived.
const DRAIN: Duration = Duration::from_secs(5);

/// How long connections that were cut may take to notice.
const CUT: Duration = Duration::from_secs(1);

/// A server that listens and does not accept yet.
#[derive(Debug)]
pub struct Server {
    acceptor: Acceptor,
    local_addr: SocketAddr,
    handshake_timeout: Duration,
}

/// Stops a server from another thread.
#[derive(Clone, Debug, Default)]
pub struct StopHandle(Arc<AtomicBool>);

impl StopHandle {
    /// Asks the server to stop: [`Server::serve`] takes no new connection,
    /// echoes what has arrived, and returns.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// The flag behind it, for whatever can only set a flag (a signal).
    #[must_use]
    pub const fn flag(&self) -> &Arc<AtomicBool> {
        &self.0
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Server {
    /// Listens as `config` says. Clients can connect from here on; they are
    /// served once [`serve`](Self::serve) runs.
    ///
    /// # Errors
    ///
    /// One line that says why the address cannot be listened on.
    pub fn bind(config: &Config) -> Result<Self> {
        let listener = transport::listen(&config.listen, config.socket)?;
        Self::take(listener, config)
    }

    fn take(listener: TcpListener, config: &Config) -> Result<Self> {
        let local_addr = listener.local_addr().context("cannot tell the address")?;
        if !local_addr.ip().is_loopback() {
            tracing::warn!("{local_addr} is not loopback: anyone who can reach it can use it");
        }
        Ok(Self {
            acceptor: Acceptor::new(listener, config, StopHandle::default())?,
            local_addr,
            handshake_timeout: config.handshake_timeout,
        })
    }

    /// The address that the server listens on, with the real port.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// A handle that stops the server.
    #[must_use]
    pub fn stop_handle(&self) -> StopHandle {
        self.acceptor.stop.clone()
    }

    /// Serves until it is stopped, then says what it did.
    ///
    /// Stopping takes at most a few seconds: connections may finish what has
    /// arrived, then they are cut.
    ///
    /// # Errors
    ///
    /// When the thread that watches the connections cannot be started.
    pub fn serve(self) -> Result<Summary> {
        let started = Instant::now();
        let registry = Arc::new(Registry::default());
        let watcher = Watcher::spawn(Arc::clone(&registry), self.handshake_timeout)?;
        accept::run(self.acceptor, &registry);

        // The listener is closed, so no connection can register any more.
        registry.shutdown(Shutdown::Read);
        if !registry.wait_until_empty(DRAIN) {
            registry.shutdown(Shutdown::Both);
            registry.wait_until_empty(CUT);
        }
        watcher.stop();
        let (connections, traffic) = registry.totals();
        Ok(Summary {
            connections,
            traffic,
            elapsed: started.elapsed(),
        })
    }
}

/// What a server did between start and stop.
#[derive(Clone, Copy, Debug)]
pub struct Summary {
    /// Connections accepted and handed to a thread.
    pub connections: u64,
    /// What all of them echoed.
    pub traffic: Traffic,
    /// From start to stop.
    pub elapsed: Duration,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Traffic {
            frames,
            bytes,
            payload_bytes,
            reads,
            split_reads,
            writes,
        } = self.traffic;
        let ratio = |a: u64, b: u64| if b == 0 { 0.0 } else { a as f64 / b as f64 };
        write!(
            f,
            "stopped after {:.1} s: {} connections, {frames} frames, {bytes} bytes \
             for {payload_bytes} of payload (x{:.3}), {reads} reads, {:.2} frames per read, \
             {split_reads} reads ended inside a frame, {writes} writes, {:.2} frames per write, \
             {:.3} system calls per frame",
            self.elapsed.as_secs_f64(),
            self.connections,
            ratio(bytes, payload_bytes),
            ratio(frames, reads),
            ratio(frames, writes),
            ratio(reads + writes, frames),
        )
    }
}
