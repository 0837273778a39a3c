//! TLS over blocking sockets.
//!
//! | file | what |
//! | --- | --- |
//! | `client` | which servers a client trusts, and its own certificate |
//! | `server` | a server's certificate, and which clients it lets in |
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

pub use client::ClientTls;
use rustls::crypto::{CryptoProvider, ring};
pub use server::{Certificate, ServerTls};
pub use stream::TlsStream;
pub use trust::{Fingerprint, ParseFingerprintError};

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
