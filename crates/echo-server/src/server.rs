//! One server's life: bind, serve, stop, summary.

use std::{
    fmt, io,
    net::{SocketAddr, TcpListener},
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use transport::Waker;

use crate::{
    CloseCounts, Config, Deadlines, Traffic,
    accept::{self, Acceptor},
    connection::AT_WORK,
    metrics::Metrics,
    registry::Registry,
    reporter::Reporter,
    stats_writer::StatsWriter,
    units::Time,
    watchdog,
};

/// How long connections that were cut may take to notice.
const CUT: Duration = Duration::from_secs(1);

/// A server that listens and does not accept yet.
#[derive(Debug)]
pub struct Server {
    acceptor: Acceptor,
    local_addr: SocketAddr,
    deadlines: Deadlines,
    drain: Duration,
    stats: Option<StatsWriter>,
    metrics: Option<Metrics>,
}

/// Stops a server from another thread.
#[derive(Clone, Debug)]
pub struct StopHandle(Arc<Waker>);

impl StopHandle {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(Arc::new(Waker::new()?)))
    }

    /// Asks the server to stop: [`Server::serve`] takes no new connection,
    /// echoes what has arrived, and returns.
    pub fn stop(&self) {
        self.0.wake();
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.0.is_woken()
    }

    /// Waits until there is a connection to accept, or a stop. It may return
    /// for nothing.
    pub(crate) fn wait_for(&self, listener: &TcpListener) -> io::Result<()> {
        self.0.wait_for(listener)
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
            acceptor: Acceptor::new(listener, config, StopHandle::new()?)?,
            local_addr,
            deadlines: config.deadlines,
            drain: config.drain,
            stats: config.stats.as_ref().map(StatsWriter::open).transpose()?,
            metrics: config.metrics.as_deref().map(Metrics::bind).transpose()?,
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

    /// A flag that, once set, lets the file of [`Config::stats`] be opened anew,
    /// so that it can be moved away; `None` without such a file.
    #[must_use]
    pub fn reopen_stats(&self) -> Option<&Arc<AtomicBool>> {
        self.stats.as_ref().and_then(StatsWriter::reopen)
    }

    /// Serves until it is stopped, then says what it did.
    ///
    /// Stopping takes [`Config::drain`] and a second at most: connections may
    /// finish what has arrived, then they are cut.
    ///
    /// # Errors
    ///
    /// When the threads that watch and report cannot be started.
    pub fn serve(self) -> Result<Summary> {
        let started = Instant::now();
        tracing::info!("{}", self.acceptor.limits());
        tracing::info!("timeouts: {}; drain {}", self.deadlines, Time(self.drain));
        let registry = Arc::new(Registry::default());
        let watchdog = watchdog::spawn(Arc::clone(&registry), self.deadlines, self.drain)?;
        let reporter = Reporter::spawn(Arc::clone(&registry), self.stats)?;
        let metrics = self
            .metrics
            .map(|metrics| metrics.spawn(Arc::clone(&registry)));
        let metrics = metrics.transpose()?;
        let is_encrypted = self.acceptor.is_encrypted();
        accept::run(self.acceptor, &registry);

        // The listener is closed, so no connection can register any more.
        // Peers that have just left are no part of the stop.
        let at_work = self.drain.min(AT_WORK);
        registry.wait_until_empty(at_work);
        registry.stop();
        if !registry.wait_until_empty(at_work) {
            registry.wake_readers();
            if !registry.wait_until_empty(self.drain.saturating_sub(at_work)) {
                registry.cut();
                registry.wait_until_empty(CUT);
            }
        }
        registry.end();
        // A panic of the watchdog has been printed; there is no more to do.
        let _ = watchdog.join();
        reporter.wait();
        if let Some(metrics) = metrics {
            metrics.stop();
        }
        registry.warnings.flush_all();
        let stats = registry.stats();
        Ok(Summary {
            connections: stats.accepted,
            closed: stats.closed,
            traffic: stats.traffic,
            elapsed: started.elapsed(),
            is_encrypted,
        })
    }
}

/// What a server did between start and stop.
#[derive(Clone, Copy, Debug)]
pub struct Summary {
    /// Connections accepted.
    pub connections: u64,
    /// Why they ended. One that is missing there did not notice its end.
    pub closed: CloseCounts,
    /// What all of them echoed.
    pub traffic: Traffic,
    /// From start to stop.
    pub elapsed: Duration,
    /// Whether the connections were encrypted.
    pub is_encrypted: bool,
}

/// A few lines.
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
        writeln!(f, "stopped after {:.1} s", self.elapsed.as_secs_f64())?;
        writeln!(f, "connections  {}", self.connections)?;
        writeln!(f, "frames       {frames}, {payload_bytes} bytes of payload")?;
        writeln!(
            f,
            "wire         {bytes} bytes, {:.2}x the payload",
            ratio(bytes, payload_bytes)
        )?;
        writeln!(
            f,
            "reads        {reads}, {:.2} frames each, {split_reads} ended inside a frame",
            ratio(frames, reads)
        )?;
        writeln!(
            f,
            "writes       {writes}, {:.2} frames each",
            ratio(frames, writes)
        )?;
        // TLS makes its own, of which nothing is known here.
        if !self.is_encrypted {
            let calls = ratio(reads + writes, frames);
            writeln!(f, "system calls {calls:.2} per frame")?;
        }
        write!(f, "closed       {}", self.closed)
    }
}
