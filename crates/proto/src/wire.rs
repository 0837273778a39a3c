//! What the bytes of a connection mean.

use crate::{LimitError, MaxFrame};

/// What the bytes of a connection mean. Both ends must agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// Messages are frames with payloads of at most this size.
    Framed(MaxFrame),
    /// Bare bytes; a message is whatever one read brings.
    Raw,
}

impl Wire {
    /// Chooses from what a command line says; the limit in bytes is checked
    /// even where `raw` leaves it unused.
    ///
    /// # Errors
    ///
    /// [`LimitError`] unless `max_frame` is 1 to [`MAX_LEN`](crate::MAX_LEN).
    pub fn new(raw: bool, max_frame: u64) -> Result<Self, LimitError> {
        let max_frame = MaxFrame::new(max_frame)?;
        Ok(if raw {
            Self::Raw
        } else {
            Self::Framed(max_frame)
        })
    }
}

impl Default for Wire {
    fn default() -> Self {
        Self::Framed(MaxFrame::DEFAULT)
    }
}
