//! The limit on the size of a frame.

use std::{error, fmt, str::FromStr};

use crate::{FrameError, MAX_LEN};

/// Maximum size of a frame that this side sends and accepts, in bytes.
///
/// It limits the bytes after the header, a checksum included, and the
/// decompressed payload. The limit is exact: a frame of this size passes, one
/// byte more does not. As text it is a number of bytes.
///
/// # Examples
///
/// ```
/// use proto::MaxFrame;
///
/// assert_eq!(MaxFrame::default().get(), 8 << 20);
/// assert_eq!(MaxFrame::new(65_536)?, "65536".parse()?);
/// let error = MaxFrame::new(0).unwrap_err();
/// assert_eq!(error.to_string(), "a frame limit of 0 bytes is not between 1 and 268435455");
/// # Ok::<(), proto::LimitError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MaxFrame(u32);

impl MaxFrame {
    /// 8 MiB, also the default of tokio-util's `LengthDelimitedCodec`.
    pub const DEFAULT: Self = Self(8 << 20);

    /// The maximum length in a header.
    pub const LARGEST: Self = Self(MAX_LEN);

    /// Takes a limit in bytes.
    ///
    /// # Errors
    ///
    /// [`LimitError`] unless `bytes` is 1 to [`MAX_LEN`].
    pub fn new(bytes: u64) -> Result<Self, LimitError> {
        match u32::try_from(bytes) {
            Ok(limit) if (1..=MAX_LEN).contains(&limit) => Ok(Self(limit)),
            _ => Err(LimitError::OutOfRange { bytes }),
        }
    }

    /// The limit in bytes.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Checks a length in bytes.
    ///
    /// # Errors
    ///
    /// [`FrameError::TooLarge`] when it exceeds the limit.
    pub const fn check(self, len: u64) -> Result<u32, FrameError> {
        if len <= self.0 as u64 {
            // At most a u32 here.
            #[allow(clippy::cast_possible_truncation)]
            Ok(len as u32)
        } else {
            Err(FrameError::TooLarge { len, max: self.0 })
        }
    }
}

impl Default for MaxFrame {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl TryFrom<u64> for MaxFrame {
    type Error = LimitError;

    fn try_from(bytes: u64) -> Result<Self, LimitError> {
        Self::new(bytes)
    }
}

impl FromStr for MaxFrame {
    type Err = LimitError;

    fn from_str(text: &str) -> Result<Self, LimitError> {
        Self::new(text.parse().map_err(|_| LimitError::NotANumber)?)
    }
}

impl fmt::Display for MaxFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why a [`MaxFrame`] is invalid.
///
/// # Examples
///
/// ```
/// use proto::{LimitError, MaxFrame};
///
/// assert_eq!(MaxFrame::new(0), Err(LimitError::OutOfRange { bytes: 0 }));
/// assert_eq!("8MiB".parse::<MaxFrame>(), Err(LimitError::NotANumber));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LimitError {
    /// The format cannot express the limit: it is not between 1 and
    /// [`MAX_LEN`].
    OutOfRange {
        /// The requested limit, in bytes.
        bytes: u64,
    },
    /// The text is not a whole number, or exceeds 64 bits.
    NotANumber,
}

impl fmt::Display for LimitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfRange { bytes } => write!(
                f,
                "a frame limit of {bytes} bytes is not between 1 and {MAX_LEN}"
            ),
            Self::NotANumber => write!(
                f,
                "a frame limit is a whole number of bytes between 1 and {MAX_LEN}"
            ),
        }
    }
}

impl error::Error for LimitError {}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_between_1_and_the_formats_maximum() {
        assert!(MaxFrame::new(0).is_err());
        assert!(MaxFrame::new(1).is_ok());
        assert!(MaxFrame::new(u64::from(MAX_LEN)).is_ok());
        assert!(MaxFrame::new(u64::from(MAX_LEN) + 1).is_err());
        assert!(MaxFrame::new((1 << 32) + 1).is_err());
    }

    #[test]
    fn a_limit_as_text_is_a_number_of_bytes() {
        assert_eq!(MaxFrame::default(), MaxFrame::DEFAULT);
        for limit in [MaxFrame::DEFAULT, MaxFrame::LARGEST, MaxFrame(1)] {
            assert_eq!(limit.to_string().parse(), Ok(limit));
            assert_eq!(MaxFrame::try_from(u64::from(limit.get())), Ok(limit));
        }
        let refused = |text: &str| text.parse::<MaxFrame>().unwrap_err().to_string();
        assert_eq!(
            refused("0"),
            "a frame limit of 0 bytes is not between 1 and 268435455"
        );
        for text in ["", "8MiB", "-1", "99999999999999999999"] {
            assert_eq!(
                refused(text),
                "a frame limit is a whole number of bytes between 1 and 268435455"
            );
        }
    }
}
