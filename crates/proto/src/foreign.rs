//! Detection of peers that speak another protocol.

use std::fmt;

use crate::HEADER_LEN;

/// A well-known protocol whose first bytes are not a plausible header.
///
/// # Examples
///
/// ```
/// use proto::Foreign;
///
/// assert_eq!(Foreign::detect(*b"SSH-"), Some(Foreign::Ssh));
/// assert_eq!(Foreign::detect([0, 0, 0, 12]), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Foreign {
    /// A request method or the start of a status line (RFC 9112).
    Http,
    /// A handshake or alert record (RFC 8446, section 5.1).
    Tls,
    /// An identification string (RFC 4253, section 4.2).
    Ssh,
}

impl Foreign {
    /// Detects the protocol of a stream's first four bytes.
    ///
    /// For streams that have already failed: a frame of the right length can
    /// begin with the same bytes.
    #[must_use]
    pub const fn detect(first: [u8; HEADER_LEN]) -> Option<Self> {
        match &first {
            b"GET " | b"POST" | b"HEAD" | b"PUT " | b"DELE" | b"OPTI" | b"CONN" | b"PATC"
            | b"TRAC" | b"PRI " | b"HTTP" => Some(Self::Http),
            [0x15 | 0x16, 0x03, ..] => Some(Self::Tls),
            b"SSH-" => Some(Self::Ssh),
            _ => None,
        }
    }
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "HTTP",
            Self::Tls => "TLS",
            Self::Ssh => "SSH",
        })
    }
}
