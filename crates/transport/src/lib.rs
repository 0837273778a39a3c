//! Blocking TCP sockets: dialling, listening, waiting, TLS.
//!
//! A [`Dialer`] connects, [`listen`] opens a listener. A [`Stream`] is a connection,
//! encrypted or not, to be read in one thread and written in another. Plain types
//! configure everything; details are logged through
//! [`tracing`](https://docs.rs/tracing) at the level `debug`. Some messages about TLS
//! name an option of the programs here, such as `--tls-ca`.
//!
//! # Files
//!
//! | file | holds |
//! | --- | --- |
//! | `dial`, `resolve` | [`Dialer`]: from `host:port` to a connection |
//! | `network` | [`NetworkOptions`]: source address, IP version, packets |
//! | `listen` | [`listen`] and [`set_up_listener`] |
//! | `socket` | [`SocketOptions`], and system calls that std lacks |
//! | `stream`, `closing` | [`Stream`]: reading, writing, waiting; its end |
//! | `tls` | [`ClientTls`], [`ServerTls`] and [`TlsStream`] |
//! | `poll`, `deadline` | [`Ready`]: waiting for a socket, until a deadline |
//! | `waker` | [`Waker`]: wakes a thread that waits for a listener |
//! | `heartbeat` | [`Heartbeat`]: detection of dead peers |
//! | `sock_diag`, `tcp_info` | [`sock_diag`], [`TcpInfo`]: connections as the kernel sees them |
//! | `stdio` | [`stdio`]: standard streams that may be non-blocking |
//! | `whole_lines` | [`WholeLines`]: lines to an output that may take a part of one |
//! | `file` | [`PatientFile`]: files that may be pipes, with bounded waits |
//! | `error` | [`Error`]: what can fail before a connection exists |

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
