//! What both sides of a session report.

use anyhow::Error;

/// What can happen in a session.
#[derive(Debug)]
pub(crate) enum Event {
    /// The user entered a line.
    Line(Vec<u8>),
    /// The user is done.
    EndOfInput,
    /// The server sent a payload; of bare bytes, a read.
    Payload(Vec<u8>),
    /// One side is gone and why.
    Lost(Error),
}
