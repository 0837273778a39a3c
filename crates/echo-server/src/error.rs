//! Startup errors.

use std::io;

use thiserror::Error;

use crate::StatsTo;

/// Why a server cannot start. Each error is one line, and its source another.
///
/// # Examples
///
/// ```
/// use echo_server::{Config, Error, Server};
///
/// let mut config = Config::default();
/// config.listen = "127.0.0.1:0".into();
/// let first = Server::bind(&config)?;
/// config.listen = first.local_addr().to_string();
/// let error = Server::bind(&config).unwrap_err();
/// assert!(matches!(error, Error::Listen(_)));
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The server cannot listen on [`Config::listen`](crate::Config::listen).
    #[error(transparent)]
    Listen(transport::Error),
    /// The server cannot listen on [`Config::metrics`](crate::Config::metrics).
    #[error("cannot serve metrics")]
    Metrics(#[source] transport::Error),
    /// Statistics cannot be written to [`Config::stats`](crate::Config::stats).
    #[error("cannot write {to}")]
    Stats {
        /// The destination.
        to: StatsTo,
        /// The system's error.
        source: io::Error,
    },
    /// The system is out of something, such as descriptors or threads.
    #[error("cannot {what}")]
    System {
        /// The operation that failed, such as `start the watchdog thread`.
        what: &'static str,
        /// The system's error.
        source: io::Error,
    },
}

impl Error {
    /// For `map_err`: the system failed to do `what`.
    pub(crate) fn system(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::System { what, source }
    }
}
