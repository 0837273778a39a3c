//! A message in flight.

/// A message that was sent and not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flight {
    pub(crate) sequence: u64,
    /// Bytes of payload, and on the wire.
    pub(crate) len: usize,
    pub(crate) wire_len: usize,
    pub(crate) intended_ns: u64,
    pub(crate) sent_ns: u64,
    /// Whether there was no room for it when it was meant to be sent.
    pub(crate) is_held: bool,
}
