//! Blocking TCP sockets as all programs here use them: dialling, listening,
//! waiting, encryption.
//!
//! | module | what |
//! | --- | --- |
//! | `dial` | connecting to a server |
//! | `listen` | opening a listener |
//! | `network` | source addresses, versions of IP, and what packets say |
//! | `resolve` | from `host:port` to addresses |
//! | [`sock_diag`], `tcp_info` | connections as the kernel sees them |
//! | `socket` | socket options and system calls that std lacks |
//! | `stream` | a connection, encrypted or not |
//! | `tls` | encryption |
//! | `poll` | waiting for a socket |
//! | [`stdio`] | standard streams that are waited for |
//! | `waker` | a wake-up for a thread that waits for a listener |
//! | `heartbeat` | whether a silent peer is still there |
//! | `error` | what can go wrong before there is a connection |

mod dial;
mod error;
mod heartbeat;
mod listen;
mod network;
mod poll;
mod resolve;
#[cfg_attr(not(target_os = "linux"), path = "sock_diag/elsewhere.rs")]
pub mod sock_diag;
mod socket;
pub mod stdio;
mod stream;
mod tcp_info;
mod tls;
mod waker;

pub use dial::Dialer;
pub use error::Error;
pub use heartbeat::{Heartbeat, HeartbeatTimeout, Liveness};
pub use listen::{BACKLOG, listen, set_up_listener};
pub use network::{IpVersion, NetworkOptions};
pub use poll::Ready;
pub use rustls::pki_types::ServerName;
pub use socket::{SocketOptions, is_timeout};
pub use stream::Stream;
pub use tcp_info::TcpInfo;
pub use tls::{Certificate, ClientTls, Fingerprint, ParseFingerprintError, ServerTls, TlsStream};
pub use waker::Waker;
