//! The format of a connection's bytes.

use crate::MaxFrame;

/// The format of a connection's bytes. Both ends must agree on framed or raw;
/// optional parts of a frame are announced in each frame.
///
/// # Examples
///
/// ```
/// use proto::{Framing, Wire};
///
/// assert_eq!(Wire::default(), Wire::Framed(Framing::default()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// Messages are frames.
    Framed(Framing),
    /// Raw bytes; each read is a message.
    Raw,
}

impl Default for Wire {
    fn default() -> Self {
        Self::Framed(Framing::default())
    }
}

/// How frames are sent, and which are accepted.
///
/// # Examples
///
/// A client that sends checksums also requires them in replies, which are
/// echoes of its own frames:
///
/// ```
/// use proto::{Framing, MaxFrame, Wire};
///
/// let wire = Wire::Framed(Framing {
///     max_frame: MaxFrame::new(64 << 10)?,
///     checksum: true,
///     require_checksum: true,
///     ..Framing::default()
/// });
/// # Ok::<(), proto::LimitError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framing {
    /// Maximum frame size, in both directions.
    pub max_frame: MaxFrame,
    /// Whether to send a checksum with every frame but a heartbeat.
    pub checksum: bool,
    /// Whether to compress payloads that become smaller.
    pub compress: bool,
    /// Whether to refuse frames without a checksum.
    pub require_checksum: bool,
}

impl Default for Framing {
    /// Plain frames of at most 8 MiB.
    fn default() -> Self {
        Self {
            max_frame: MaxFrame::DEFAULT,
            checksum: false,
            compress: false,
            require_checksum: false,
        }
    }
}
