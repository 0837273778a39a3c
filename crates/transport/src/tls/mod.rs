//! TLS over blocking sockets.
//!
//! | file | holds |
//! | --- | --- |
//! | `client` | a client's trust in servers, and its own certificate |
//! | `server` | a server's certificate, and its check of clients |
//! | `trust` | verification of a server's certificate |
//! | `fingerprint` | the fingerprint of a certificate, to pin it |
//! | `stream` | a TLS connection: reads and writes |
//! | `handshake` | its handshake |
//! | `incoming` | received bytes, ciphertext and unread plaintext |
//! | `outgoing` | ciphertext to send |
//! | `record` | the sizes of records |
//! | `session` | TLS in memory: records in, records out |
//! | `step` | one step of a session, by rustls' state |
//! | `clock` | the clock for the validity of certificates |
//! | `workers` | threads that compute handshakes |
//! | `errors` | TLS errors as one line of text |
//! | `pem` | certificates and keys in PEM files |

mod client;
mod clock;
mod errors;
mod fingerprint;
mod handshake;
mod incoming;
mod outgoing;
mod pem;
mod record;
mod server;
mod session;
mod step;
mod stream;
#[cfg(all(test, unix))]
#[allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
mod tests;
mod trust;
mod workers;

use std::sync::Arc;

pub use client::ClientTls;
pub use fingerprint::{Fingerprint, ParseFingerprintError};
use rustls::crypto::{CryptoProvider, ring};
pub use server::{Certificate, ServerTls};
pub use stream::TlsStream;

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
