//! Why a server cannot start.

use std::io;

use thiserror::Error;

use crate::StatsTo;

/// Why a server cannot start. Each is one line, and its source another.
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
    /// The address of [`Config::listen`](crate::Config::listen) cannot be
    /// listened on.
    #[error(transparent)]
    Listen(#[from] transport::Error),
    /// The address of [`Config::metrics`](crate::Config::metrics) cannot be
    /// listened on.
    #[error("cannot serve metrics")]
    Metrics(#[source] transport::Error),
    /// The statistics cannot be written where [`Config::stats`](crate::Config::stats)
    /// says.
    #[error("cannot write {to}")]
    Stats {
        /// Where.
        to: StatsTo,
        /// What the system says.
        source: io::Error,
    },
    /// The system lacks something, such as a descriptor or a thread.
    #[error("cannot {what}")]
    System {
        /// What cannot be done, such as `start the watchdog thread`.
        what: &'static str,
        /// What the system says.
        source: io::Error,
    },
}

impl Error {
    /// For `map_err`: the system does not let `what` be done.
    pub(crate) fn system(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::System { what, source }
    }
}
