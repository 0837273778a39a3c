//! What the bytes of a connection mean.

use crate::{LimitError, MaxFrame};

/// What the bytes of a connection mean. Both ends must agree on framed or raw;
/// what a sender adds to its frames is said in each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// Messages are frames.
    Framed(Framing),
    /// Bare bytes; a message is whatever one read brings.
    Raw,
}

impl Wire {
    /// How a client talks that was told to be `raw` or not: the limit in
    /// bytes is checked even where `raw` leaves it unused. One that sends
    /// checksums requires them of the replies, which are its own frames.
    ///
    /// # Errors
    ///
    /// [`LimitError`] unless `max_frame` is 1 to [`MAX_LEN`](crate::MAX_LEN).
    pub fn of_client(
        raw: bool,
        max_frame: u64,
        checksum: bool,
        compress: bool,
    ) -> Result<Self, LimitError> {
        let framing = Framing {
            max_frame: MaxFrame::new(max_frame)?,
            checksum,
            compress,
            require_checksum: checksum,
        };
        Ok(if raw {
            Self::Raw
        } else {
            Self::Framed(framing)
        })
    }
}

impl Default for Wire {
    fn default() -> Self {
        Self::Framed(Framing::default())
    }
}

/// How frames are sent, and which are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framing {
    /// Largest frame, in both directions.
    pub max_frame: MaxFrame,
    /// Whether to send a checksum with every frame but a heartbeat.
    pub checksum: bool,
    /// Whether to compress payloads that get smaller by it.
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
