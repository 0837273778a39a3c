//! Blocking TCP sockets as all programs here use them: dialling, listening,
//! encryption, and the command-line edges that go with them.

pub mod args;
pub mod cli;
mod dial;
mod encryption;
mod listen;
mod liveness;
pub mod log;
mod poll;
mod resolve;
pub mod signals;
mod socket;
pub mod stdio;
mod stop;
mod stream;
#[cfg_attr(not(feature = "tls"), path = "tls/none.rs")]
mod tls;

pub use dial::Dialer;
pub use encryption::{ClientTls, ClientTlsArgs, ServerTls, ServerTlsArgs, tls_pair};
pub use listen::{BACKLOG, listen};
pub use liveness::{Liveness, Vitality};
pub use socket::{SocketOptions, buffer_sizes, is_timeout};
pub use stop::Stop;
pub use stream::{Ready, Stream};
pub use tls::TlsStream;
