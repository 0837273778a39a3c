//! Why connections ended, and how many for each reason.

use std::{fmt, io, iter::FusedIterator};

use proto::{Error, FrameError};
use strum::{IntoStaticStr, VariantArray};

/// Why a connection ended. Every connection has exactly one reason: the first
/// that occurred.
///
/// # Examples
///
/// ```
/// use echo_server::CloseReason;
///
/// assert_eq!(CloseReason::FrameTimeout.name(), "frame_timeout");
/// assert_eq!(CloseReason::FrameTimeout.to_string(), "frame timeout");
/// assert!(CloseReason::ALL.contains(&CloseReason::Clean));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum CloseReason {
    /// The peer closed between two frames.
    Clean,
    /// The peer closed inside a frame.
    Truncated,
    /// A frame exceeded the limit, on the wire or decompressed.
    TooLarge,
    /// A header had reserved flags, or was too short for its flags.
    BadHeader,
    /// A checksum was wrong, or missing where one is required.
    BadChecksum,
    /// A payload did not decompress to its announced length.
    BadCompression,
    /// The TLS handshake failed or took too long.
    Handshake,
    /// No byte arrived for too long.
    Idle,
    /// A frame was incomplete past its deadline.
    FrameTimeout,
    /// The peer did not read its echoes in time.
    WriteTimeout,
    /// The connection failed: usually the peer or the path is down.
    Reset,
    /// The connection limit was reached.
    Limit,
    /// All read buffers together would have exceeded their budget, or the
    /// system had no memory for this one.
    Memory,
    /// No thread could be started.
    Spawn,
    /// The server stopped.
    Shutdown,
    /// Its thread panicked.
    Panic,
    /// The connection reached its maximum age.
    Age,
    /// The connection echoed its maximum of bytes.
    Bytes,
}

impl CloseReason {
    /// All reasons, in the order of their declaration.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The name for machines, in `snake_case`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name().replace('_', " "))
    }
}

impl From<&Error> for CloseReason {
    fn from(error: &Error) -> Self {
        match error {
            Error::Io(error) if error.kind() == io::ErrorKind::OutOfMemory => Self::Memory,
            Error::Truncated { .. } => Self::Truncated,
            // Inside a TLS record.
            Error::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => Self::Truncated,
            Error::Refused { error, .. } => match error {
                FrameError::TooLarge { .. } => Self::TooLarge,
                FrameError::ChecksumMissing | FrameError::BadChecksum { .. } => Self::BadChecksum,
                FrameError::BadCompression { .. } => Self::BadCompression,
                FrameError::NoMemory { .. } => Self::Memory,
                // Reserved flags, a short header, or a variant added later.
                _ => Self::BadHeader,
            },
            // The stream failed.
            _ => Self::Reset,
        }
    }
}

/// How many connections ended for each reason. The text lists counts above
/// zero.
///
/// # Examples
///
/// ```
/// use echo_server::{CloseCounts, CloseReason};
///
/// let closed = CloseCounts::default();
/// assert_eq!(closed.of(CloseReason::Clean), 0);
/// assert_eq!(closed.iter().count(), CloseReason::ALL.len());
/// assert_eq!(closed.to_string(), "none");
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct CloseCounts([u64; CloseReason::ALL.len()]);

impl CloseCounts {
    pub(crate) fn add(&mut self, close: CloseReason) {
        if let Some(count) = self.0.get_mut(close as usize) {
            *count += 1;
        }
    }

    /// Connections that ended for this reason.
    #[must_use]
    pub fn of(&self, close: CloseReason) -> u64 {
        self.0.get(close as usize).copied().unwrap_or_default()
    }

    /// Connections that ended, for any reason.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Every reason with its count.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (CloseReason, u64)> + FusedIterator {
        CloseReason::ALL.iter().copied().zip(self.0)
    }
}

/// The counts above zero: `{Clean: 3, Truncated: 1}`.
impl fmt::Debug for CloseCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.iter().filter(|&(_, count)| count > 0);
        f.debug_map().entries(counts).finish()
    }
}

/// `3 clean, 1 truncated`: the counts above zero.
impl fmt::Display for CloseCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut is_first = true;
        for (close, count) in self.iter().filter(|&(_, count)| count > 0) {
            let comma = if is_first { "" } else { ", " };
            write!(f, "{comma}{count} {close}")?;
            is_first = false;
        }
        if is_first {
            f.write_str("none")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_own_count() {
        let mut closed = CloseCounts::default();
        assert_eq!(closed.to_string(), "none");
        for (place, &close) in CloseReason::ALL.iter().enumerate() {
            assert_eq!(close as usize, place, "{close}");
            let before = closed.of(close);
            closed.add(close);
            assert_eq!((before, closed.of(close)), (0, 1), "{close}");
        }
        assert_eq!(closed.total(), CloseReason::ALL.len() as u64);
        assert_eq!(CloseReason::BadHeader.name(), "bad_header");
    }

    #[test]
    fn only_counts_above_zero_are_shown() {
        let mut closed = CloseCounts::default();
        closed.add(CloseReason::FrameTimeout);
        closed.add(CloseReason::Clean);
        closed.add(CloseReason::Clean);
        assert_eq!(closed.to_string(), "2 clean, 1 frame timeout");
        assert_eq!(format!("{closed:?}"), "{Clean: 2, FrameTimeout: 1}");
    }
}
