//! Blocking TCP sockets for all programs here: dialling, listening, waiting,
//! TLS.
//!
//! | module | holds |
//! | --- | --- |
//! | `dial` | connecting to a server |
//! | `listen` | opening a listener |
//! | `network` | source addresses, IP versions and packet options |
//! | `resolve` | from `host:port` to addresses |
//! | [`sock_diag`], `tcp_info` | connections as the kernel sees them |
//! | `socket` | socket options and system calls that std lacks |
//! | `stream` | a connection, encrypted or not |
//! | `tls` | TLS over blocking sockets |
//! | `poll` | waiting until a socket is ready |
//! | `file` | files that may be pipes, whose other end is waited for a bounded time |
//! | [`stdio`] | blocking access to standard streams that may be non-blocking |
//! | `whole_lines` | lines to an output that may take a part of one |
//! | `waker` | wakes a thread that waits for a listener |
//! | `heartbeat` | detection of dead peers |
//! | `error` | errors before a connection exists |

mod closing;
mod deadline;
mod dial;
mod error;
mod file;
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
mod whole_lines;

pub use dial::Dialer;
pub use error::Error;
pub use file::{PatientFile, is_unread_pipe, non_blocking_options};
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
pub use whole_lines::WholeLines;
