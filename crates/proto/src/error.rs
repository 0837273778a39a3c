//! What can be wrong with a stream of frames.

use std::{error, fmt, io};

use crate::{Foreign, HEADER_LEN, MAX_LEN};

/// Why a header is refused. The peer is at fault, or its limit differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderError {
    /// The payload is larger than the limit.
    TooLarge {
        /// Payload length in bytes.
        len: u64,
        /// The limit in bytes.
        max: u32,
    },
    /// Bit 29, bit 28 or both are set.
    ReservedFlags {
        /// The whole header.
        header: u32,
    },
    /// Bit 31 (K), bit 30 (Z) or both are set.
    UnsupportedFlags {
        /// K: a checksum follows the payload.
        checksum: bool,
        /// Z: the payload is compressed.
        compressed: bool,
    },
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::TooLarge { len, max } => {
                write!(f, "frame of {len} bytes exceeds the limit of {max}")
            }
            Self::ReservedFlags { header } => {
                let bits = match (header >> 28) & 0b11 {
                    0b10 => "bit 29 is",
                    0b01 => "bit 28 is",
                    _ => "bits 29 and 28 are",
                };
                write!(f, "reserved flag {bits} set in header {header:#010x}")
            }
            Self::UnsupportedFlags {
                checksum,
                compressed,
            } => {
                let flags = match (checksum, compressed) {
                    (true, false) => "flag K (checksum) is",
                    (false, true) => "flag Z (compressed) is",
                    _ => "flags K (checksum) and Z (compressed) are",
                };
                write!(f, "{flags} set and not supported")
            }
        }
    }
}

impl error::Error for HeaderError {}

/// A frame limit that the format cannot express.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitError {
    /// The limit that was asked for, in bytes.
    pub bytes: u64,
}

impl fmt::Display for LimitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a frame limit of {} bytes is not between 1 and {MAX_LEN}",
            self.bytes
        )
    }
}

impl error::Error for LimitError {}

/// Why a stream of frames ended other than by a close between two frames.
#[derive(Debug)]
pub enum Error {
    /// The stream failed. A read timeout is here too (`WouldBlock` or
    /// `TimedOut`); nothing is lost by it and the next read carries on.
    Io(io::Error),
    /// A header was refused; the stream cannot be followed any further.
    Header {
        /// What is wrong with it.
        error: HeaderError,
        /// The protocol that the peer's first bytes belong to, if known.
        foreign: Option<Foreign>,
    },
    /// The peer closed inside a frame.
    Truncated {
        /// Bytes of the frame that arrived, its header included.
        got: usize,
        /// Bytes of the whole frame, its header included; `None` when the
        /// header itself was cut.
        expected: Option<usize>,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Header { error, foreign } => {
                error.fmt(f)?;
                match foreign {
                    Some(foreign) => write!(f, "; the peer speaks {foreign}, not frames"),
                    None => Ok(()),
                }
            }
            Self::Truncated {
                got,
                expected: Some(expected),
            } => write!(
                f,
                "truncated: closed after {got} of the frame's {expected} bytes"
            ),
            Self::Truncated {
                got,
                expected: None,
            } => write!(
                f,
                "truncated: closed after {got} of the header's {HEADER_LEN} bytes"
            ),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            // Display already says all that the inner error says.
            Self::Io(error) => error.source(),
            Self::Header { .. } | Self::Truncated { .. } => None,
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<HeaderError> for Error {
    fn from(error: HeaderError) -> Self {
        Self::Header {
            error,
            foreign: None,
        }
    }
}
