//! Blocking TCP sockets as all programs here use them: dialling, listening,
//! and the command-line edges that go with them.

pub mod args;
pub mod cli;
mod dial;
mod listen;
mod liveness;
mod socket;

pub use dial::Dialer;
pub use listen::{BACKLOG, listen};
pub use liveness::{Liveness, Vitality};
pub use socket::{SocketOptions, buffer_sizes, is_timeout, write_now};
