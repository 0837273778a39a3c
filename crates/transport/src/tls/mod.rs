//! TLS over blocking sockets.
//!
//! | file | what |
//! | --- | --- |
//! | `client` | whom a client trusts, and who it is |
//! | `server` | who a server is, and whom it lets in |
//! | `trust` | the check of a server's certificate |
//! | `stream` | a connection: handshake, records in and out |
//! | `words` | what went wrong, in one line |
//! | `pem` | certificates and keys in files |

mod client;
mod pem;
mod server;
mod stream;
mod trust;
mod words;

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
