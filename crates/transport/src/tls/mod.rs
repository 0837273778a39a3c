//! TLS over blocking sockets.
//!
//! | file | what |
//! | --- | --- |
//! | `client` | whom a client trusts, and who it is |
//! | `server` | who a server is, and whom it lets in |
//! | `trust` | the check of a server's certificate |
//! | `stream` | a connection: handshake, reading, writing, waiting |
//! | `incoming` | what came from the socket, up to its plaintext |
//! | `outgoing` | ciphertext on its way to the socket |
//! | `session` | TLS in memory: records in, records out |
//! | `clock` | the time by which certificates are valid |
//! | `workers` | threads that do the arithmetic of handshakes |
//! | `errors` | what went wrong, in one line |
//! | `pem` | certificates and keys in files |

mod client;
mod clock;
mod errors;
mod incoming;
mod outgoing;
mod pem;
mod server;
mod session;
mod stream;
#[cfg(all(test, unix))]
#[allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
mod tests;
mod trust;
mod workers;

use std::sync::Arc;

pub(crate) use client::{Client, Options as ClientOptions};
use rustls::crypto::{CryptoProvider, ring};
pub(crate) use server::{Options as ServerOptions, Server};
pub use stream::TlsStream;
use trust::Fingerprint;

/// A server with a certificate made here, and a client that trusts no other.
pub(crate) fn pair() -> anyhow::Result<(Server, Client)> {
    let (server, fingerprint) = Server::self_signed("localhost:0")?;
    Ok((server, Client::pinned(fingerprint)?))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
