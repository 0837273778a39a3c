//! Errors before a connection exists.

use std::{io, path::PathBuf};

use thiserror::Error;

/// Why a host cannot be reached, an address cannot be listened on, or a
/// certificate cannot be used. Each error is one line, and its source another.
///
/// # Examples
///
/// ```
/// use std::{error::Error as _, path::Path};
///
/// use transport::{ClientTls, Error};
///
/// let error = ClientTls::trusting(Path::new("none.pem")).unwrap_err();
/// assert!(matches!(error, Error::File { .. }));
/// assert_eq!(error.to_string(), "cannot use none.pem");
/// assert!(error.source().is_some());
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The host does not resolve.
    #[error("cannot resolve {host}")]
    Resolve {
        /// The host, as given.
        host: String,
        /// The resolver's error.
        source: io::Error,
    },
    /// None of the host's addresses could be connected to.
    #[error("cannot connect to {failures}")]
    Connect {
        /// The kind of the last address's error.
        kind: io::ErrorKind,
        /// Every address, its error, and advice.
        failures: String,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {addr}{advice}")]
    Listen {
        /// The address, as given.
        addr: String,
        /// What to do, after a semicolon; may be empty.
        advice: String,
        /// The system's error.
        source: io::Error,
    },
    /// A file of certificates or keys cannot be used.
    #[error("cannot use {}", file.display())]
    File {
        /// The file, as given.
        file: PathBuf,
        /// Why it cannot be used.
        source: io::Error,
    },
    /// The system has no trusted CAs.
    #[error("this system has no CAs to trust: --tls-ca FILE or --tls-pin SHA256 sets them")]
    NoSystemCas,
    /// The TLS library rejected the configuration.
    #[error("cannot set up TLS: {0}")]
    Tls(String),
}

impl Error {
    /// The kind of the system's error; `None` for other errors.
    #[must_use]
    pub fn kind(&self) -> Option<io::ErrorKind> {
        match self {
            Self::Resolve { source, .. }
            | Self::Listen { source, .. }
            | Self::File { source, .. } => Some(source.kind()),
            Self::Connect { kind, .. } => Some(*kind),
            Self::NoSystemCas | Self::Tls(_) => None,
        }
    }
}
