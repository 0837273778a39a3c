//! Errors of a stream of frames.

use std::{error, fmt, io};

use crate::{Foreign, HEADER_LEN};

/// Why a frame is refused. Usually the peer sent an invalid frame or has another
/// limit, or a byte changed on the way.
///
/// # Examples
///
/// ```
/// use proto::{FrameError, Framing, MaxFrame, Wire, Writer};
///
/// let max_frame = MaxFrame::new(3)?;
/// let mut writer = Writer::new(Wire::Framed(Framing { max_frame, ..Framing::default() }));
/// let error = writer.add(b"four").unwrap_err();
/// assert_eq!(error, FrameError::TooLarge { len: 4, max: 3 });
/// assert_eq!(error.to_string(), "frame of 4 bytes exceeds the limit of 3");
/// # Ok::<(), proto::LimitError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameError {
    /// The frame, or its decompressed payload, is larger than the limit.
    TooLarge {
        /// Its length in bytes.
        len: u64,
        /// The limit in bytes.
        max: u32,
    },
    /// Bit 29, bit 28 or both are set.
    ReservedFlags {
        /// The whole header.
        header: u32,
    },
    /// The length has no room for the checksum or the original length that the
    /// flags announce.
    TooShort {
        /// The whole header.
        header: u32,
    },
    /// The frame has no checksum, and one is required.
    ChecksumMissing,
    /// Header and payload do not match the checksum.
    BadChecksum {
        /// The checksum in the frame.
        announced: u32,
        /// The checksum of the received bytes.
        computed: u32,
    },
    /// The payload does not decompress to its announced length.
    BadCompression {
        /// The length announced, in bytes.
        original: u32,
        /// Why it does not.
        reason: &'static str,
    },
    /// There is no memory to decompress the payload; the peer is not at fault.
    NoMemory {
        /// The decompressed length, in bytes.
        original: u32,
    },
}

impl fmt::Display for FrameError {
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
            Self::TooShort { header } => write!(
                f,
                "header {header:#010x} announces fewer bytes than its flags need"
            ),
            Self::ChecksumMissing => f.write_str("no checksum, and one is required"),
            Self::BadChecksum {
                announced,
                computed,
            } => write!(
                f,
                "bad checksum: the frame says {announced:#010x}, its bytes give {computed:#010x}"
            ),
            Self::BadCompression { original, reason } => {
                write!(f, "bad compression: {original} bytes announced, {reason}")
            }
            Self::NoMemory { original } => {
                write!(f, "no memory to decompress {original} bytes")
            }
        }
    }
}

impl error::Error for FrameError {}

/// Why a stream of frames ended other than by a close between two frames.
///
/// # Examples
///
/// ```
/// use proto::{Error, Reader, Wire};
///
/// let mut reader = Reader::new(Wire::default());
/// let error = reader.read(&mut &b"GET / HTTP/1.1"[..]).unwrap_err();
/// assert!(matches!(error, Error::Refused { foreign: Some(_), .. }));
/// assert_eq!(
///     error.to_string(),
///     "frame of 121984032 bytes exceeds the limit of 8388608; the peer speaks HTTP, not frames"
/// );
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The stream failed. Includes a read timeout (`WouldBlock` or `TimedOut`)
    /// and a buffer that cannot grow (`OutOfMemory`); both lose no byte, and
    /// the next read continues.
    Io(io::Error),
    /// A frame was refused; no later frame can be found in the stream.
    Refused {
        /// Why it was refused.
        error: FrameError,
        /// The protocol of the peer's first bytes, if known.
        foreign: Option<Foreign>,
    },
    /// The peer closed inside a frame.
    Truncated {
        /// Bytes of the frame that arrived, its header included.
        got: usize,
        /// Bytes of the whole frame, its header included; `None` if the header
        /// is incomplete.
        expected: Option<usize>,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Refused { error, foreign } => {
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
            // Display already includes the inner error's text.
            Self::Io(error) => error.source(),
            Self::Refused { .. } | Self::Truncated { .. } => None,
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<FrameError> for Error {
    fn from(error: FrameError) -> Self {
        Self::Refused {
            error,
            foreign: None,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::error::Error as _;

    use super::*;
    use crate::LimitError;

    #[test]
    fn every_error_is_one_line() {
        for (error, text) in [
            (
                Error::from(FrameError::ChecksumMissing),
                "no checksum, and one is required",
            ),
            (
                FrameError::BadChecksum {
                    announced: 0xa,
                    computed: 0xb,
                }
                .into(),
                "bad checksum: the frame says 0x0000000a, its bytes give 0x0000000b",
            ),
            (
                FrameError::NoMemory { original: 7 }.into(),
                "no memory to decompress 7 bytes",
            ),
            (
                Error::Refused {
                    error: FrameError::ReservedFlags {
                        header: 0x5353_482d,
                    },
                    foreign: Some(Foreign::Ssh),
                },
                "reserved flag bit 28 is set in header 0x5353482d; the peer speaks SSH, not frames",
            ),
            (
                Error::Truncated {
                    got: 7,
                    expected: Some(16),
                },
                "truncated: closed after 7 of the frame's 16 bytes",
            ),
            (
                Error::Truncated {
                    got: 3,
                    expected: None,
                },
                "truncated: closed after 3 of the header's 4 bytes",
            ),
            (
                io::Error::other("the wire is cut").into(),
                "the wire is cut",
            ),
        ] {
            assert_eq!(error.to_string(), text);
            assert!(error.source().is_none());
        }
    }

    /// The text is the inner error's, so the source is the inner error's
    /// source.
    #[test]
    fn a_failed_stream_has_the_source_of_its_error() {
        #[derive(Debug)]
        struct CutError;
        impl fmt::Display for CutError {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("cut")
            }
        }
        impl error::Error for CutError {
            fn source(&self) -> Option<&(dyn error::Error + 'static)> {
                Some(&LimitError::NotANumber)
            }
        }
        let error = Error::from(io::Error::other(CutError));
        assert_eq!(error.to_string(), "cut");
        let source = error.source().unwrap().to_string();
        assert_eq!(source, LimitError::NotANumber.to_string());
    }
}
