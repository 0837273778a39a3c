//! The server: bind, serve, stop, summary.

use std::{
    fmt,
    net::{SocketAddr, TcpListener},
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant},
};

use transport::Waker;

use crate::{
    Config, Error, Stats, Summary,
    accept::{self, Acceptor},
    connection::WAKE_AFTER,
    metrics::Metrics,
    registry::Registry,
    reporter::Reporter,
    stats_writer::StatsWriter,
    units::Time,
    watchdog,
};

/// How long connections may take to end once they are shut down.
const CUT_TIMEOUT: Duration = Duration::from_secs(1);

/// A server that listens and does not accept yet.
///
/// # Examples
///
/// From an existing listener, for example from socket activation:
///
/// ```
/// use std::{net::TcpListener, thread};
///
/// use echo_server::{Config, Server};
///
/// let listener = TcpListener::bind("127.0.0.1:0").unwrap();
/// let server = Server::from_listener(listener, &Config::default())?;
/// let handle = server.handle();
/// let serving = thread::spawn(|| server.serve());
/// handle.stop();
/// println!("{}", serving.join().unwrap()?);
/// # Ok::<(), echo_server::Error>(())
/// ```
#[must_use = "connections are served once `serve` is called"]
pub struct Server {
    acceptor: Acceptor,
    waker: Arc<Waker>,
    registry: Arc<Registry>,
    local_addr: SocketAddr,
    stats: Option<StatsWriter>,
    metrics: Option<Metrics>,
}

/// Observes and stops a server from another thread.
///
/// # Examples
///
/// ```
/// use std::thread;
///
/// use echo_server::{Config, Server};
///
/// let mut config = Config::default();
/// config.listen = "127.0.0.1:0".into();
/// let server = Server::bind(&config)?;
/// let handle = server.handle();
/// let serving = thread::spawn(|| server.serve());
/// assert_eq!(handle.stats().live, 0);
/// handle.stop();
/// serving.join().unwrap()?;
/// # Ok::<(), echo_server::Error>(())
/// ```
#[derive(Clone)]
pub struct ServerHandle {
    waker: Arc<Waker>,
    registry: Arc<Registry>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("local_addr", &self.local_addr)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ServerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerHandle")
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

impl ServerHandle {
    /// Stops the server: [`Server::serve`] accepts no new connection, echoes
    /// received data, and returns.
    pub fn stop(&self) {
        self.waker.wake();
    }

    /// The statistics as of this instant; after the server has stopped, the
    /// last.
    ///
    /// Takes a lock and time per connection: call it a few times per second.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.registry.stats()
    }
}

impl Server {
    /// Listens as `config` says. Clients can connect from here on; their
    /// connections are served once [`serve`](Self::serve) runs.
    ///
    /// # Errors
    ///
    /// When an address cannot be listened on, or another part of `config`
    /// cannot be applied; one line.
    pub fn bind(config: &Config) -> Result<Self, Error> {
        let listener = transport::listen(&config.listen, config.socket).map_err(Error::Listen)?;
        Self::over(listener, config)
    }

    /// Takes an existing listener, including its queued clients. It becomes
    /// non-blocking, also for others that share it, with a backlog of
    /// [`transport::BACKLOG`].
    ///
    /// # Errors
    ///
    /// When a part of `config` cannot be applied.
    pub fn from_listener(listener: TcpListener, config: &Config) -> Result<Self, Error> {
        transport::set_up_listener(&listener, config.socket)
            .map_err(Error::system("set up the listener"))?;
        Self::over(listener, config)
    }

    fn over(listener: TcpListener, config: &Config) -> Result<Self, Error> {
        let local_addr = listener
            .local_addr()
            .map_err(Error::system("get the address of the listener"))?;
        if !local_addr.ip().to_canonical().is_loopback() {
            tracing::warn!("{local_addr} is not loopback: anyone who can reach it can use it");
        }
        let waker = Waker::new().map_err(Error::system("make a pipe"))?;
        let waker = Arc::new(waker);
        Ok(Self {
            acceptor: Acceptor::new(listener, config, Arc::clone(&waker))?,
            waker,
            registry: Arc::default(),
            local_addr,
            stats: config.stats.as_ref().map(StatsWriter::open).transpose()?,
            metrics: config.metrics.as_deref().map(Metrics::bind).transpose()?,
        })
    }

    /// The address that the server listens on, with its actual port.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// A handle to watch and to stop the server.
    #[must_use]
    pub fn handle(&self) -> ServerHandle {
        ServerHandle {
            waker: Arc::clone(&self.waker),
            registry: Arc::clone(&self.registry),
        }
    }

    /// A flag that, once set, makes the server reopen the file of
    /// [`Config::stats`], for log rotation; `None` without such a file.
    #[must_use]
    pub fn reopen_stats(&self) -> Option<&Arc<AtomicBool>> {
        self.stats.as_ref().and_then(StatsWriter::reopen)
    }

    /// Serves until it is stopped; returns a summary.
    ///
    /// Stopping takes at most [`Config::drain`] plus two seconds: connections
    /// may finish echoing received data, then they are shut down.
    ///
    /// # Errors
    ///
    /// [`Error::System`] when the watchdog, reporter or metrics thread cannot be
    /// started; the others then end.
    pub fn serve(self) -> Result<Summary, Error> {
        let started = Instant::now();
        tracing::info!("{}", self.acceptor.limits());
        let Config {
            deadlines, drain, ..
        } = self.acceptor.settings.config;
        tracing::info!("timeouts: {deadlines}; drain {}", Time(drain));
        let registry = self.registry;
        let serving = WhileServing(&registry);
        let watchdog = watchdog::spawn(Arc::clone(&registry), deadlines, drain)?;
        let reporter = Reporter::spawn(Arc::clone(&registry), self.stats)?;
        let metrics = self
            .metrics
            .map(|metrics| metrics.spawn(Arc::clone(&registry)));
        let metrics = metrics.transpose()?;
        let is_encrypted = self.acceptor.settings.config.tls.is_some();
        accept::run(self.acceptor, &registry);

        // The listener is closed, so no connection can register any more.
        end_connections(&registry, drain);
        drop(serving);
        // A panic of the watchdog has been printed; nothing is left to do.
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

/// The watchdog and the reporter, which end when it is dropped.
struct WhileServing<'a>(&'a Registry);

impl Drop for WhileServing<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Lets connections finish echoing received data, for at most `drain`, and
/// shuts down the rest.
fn end_connections(registry: &Registry, drain: Duration) {
    // Connections that peers are just closing keep their own close reason.
    let wake_after = drain.min(WAKE_AFTER);
    registry.wait_until_empty(wake_after);
    registry.stop();
    if registry.wait_until_empty(wake_after) {
        return;
    }
    registry.wake_readers();
    if !registry.wait_until_empty(drain.saturating_sub(wake_after)) {
        registry.cut();
        registry.wait_until_empty(CUT_TIMEOUT);
    }
}
