//! The four bytes in front of every payload.

use crate::{HeaderError, LimitError};

/// Length of a frame's header, in bytes.
pub const HEADER_LEN: usize = 4;

/// Largest payload that the format can announce, in bytes: 2^28 − 1, because
/// the four upper bits of the header are flags.
pub const MAX_LEN: u32 = (1 << 28) - 1;

const CHECKSUM: u32 = 1 << 31;
const COMPRESSED: u32 = 1 << 30;
const RESERVED: u32 = 0b11 << 28;

/// Largest payload that this side sends and accepts, in bytes.
///
/// The limit is exact: a payload of this size passes, one byte more does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxFrame(u32);

impl MaxFrame {
    /// 8 MiB: as much as tokio-util's `LengthDelimitedCodec` takes by default.
    pub const DEFAULT: Self = Self(8 << 20);

    /// Takes a limit in bytes.
    ///
    /// # Errors
    ///
    /// [`LimitError`] unless `bytes` is 1 to [`MAX_LEN`].
    pub fn new(bytes: u64) -> Result<Self, LimitError> {
        match u32::try_from(bytes) {
            Ok(limit) if (1..=MAX_LEN).contains(&limit) => Ok(Self(limit)),
            _ => Err(LimitError { bytes }),
        }
    }

    /// The limit in bytes.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// Encodes the header of a plain frame whose payload has `len` bytes.
///
/// # Errors
///
/// [`HeaderError::TooLarge`] when `len` exceeds `max`.
pub fn encode_header(len: usize, max: MaxFrame) -> Result<[u8; HEADER_LEN], HeaderError> {
    match u32::try_from(len) {
        Ok(len) if len <= max.0 => Ok(len.to_be_bytes()),
        _ => Err(HeaderError::TooLarge {
            len: len as u64,
            max: max.0,
        }),
    }
}

/// Decodes a header into the number of payload bytes that follow it.
///
/// # Errors
///
/// [`HeaderError`] when a flag is set or the length exceeds `max`; flags are
/// looked at first, since they say how to read the rest.
#[inline]
pub const fn decode_header(header: [u8; HEADER_LEN], max: MaxFrame) -> Result<u32, HeaderError> {
    let word = u32::from_be_bytes(header);
    // A plain header is its own length, so one comparison accepts the common
    // case: any flag makes the word larger than every possible limit.
    if word <= max.0 {
        Ok(word)
    } else {
        Err(refuse(word, max))
    }
}

#[cold]
const fn refuse(word: u32, max: MaxFrame) -> HeaderError {
    if word & RESERVED != 0 {
        HeaderError::ReservedFlags { header: word }
    } else if word & (CHECKSUM | COMPRESSED) != 0 {
        HeaderError::UnsupportedFlags {
            checksum: word & CHECKSUM != 0,
            compressed: word & COMPRESSED != 0,
        }
    } else {
        HeaderError::TooLarge {
            len: word as u64,
            max: max.0,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn golden_bytes() {
        let max = MaxFrame::new(u64::from(MAX_LEN)).unwrap();
        for (bytes, len) in [
            ([0x00, 0x00, 0x00, 0x00], 0),
            ([0x00, 0x00, 0x00, 0x0c], 12),
            ([0x00, 0x00, 0x01, 0x00], 256),
            ([0x00, 0x80, 0x00, 0x00], 8_388_608),
            ([0x0f, 0xff, 0xff, 0xff], 268_435_455),
        ] {
            assert_eq!(decode_header(bytes, max), Ok(len));
            assert_eq!(encode_header(len as usize, max), Ok(bytes));
        }
    }

    #[test]
    fn each_flag_is_named() {
        let max = MaxFrame::DEFAULT;
        let refused = |word: u32| {
            decode_header(word.to_be_bytes(), max)
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            refused(0x2000_0001),
            "reserved flag bit 29 is set in header 0x20000001"
        );
        assert_eq!(
            refused(0x1000_0001),
            "reserved flag bit 28 is set in header 0x10000001"
        );
        assert_eq!(
            refused(0xb000_0001),
            "reserved flag bits 29 and 28 are set in header 0xb0000001"
        );
        assert_eq!(
            refused(0x8000_0001),
            "flag K (checksum) is set and not supported"
        );
        assert_eq!(
            refused(0x4000_0001),
            "flag Z (compressed) is set and not supported"
        );
        assert_eq!(
            refused(0xc000_0001),
            "flags K (checksum) and Z (compressed) are set and not supported"
        );
        assert_eq!(
            refused(9_000_000),
            "frame of 9000000 bytes exceeds the limit of 8388608"
        );
    }

    #[test]
    fn a_limit_is_between_1_and_what_the_format_can_say() {
        assert!(MaxFrame::new(0).is_err());
        assert!(MaxFrame::new(1).is_ok());
        assert!(MaxFrame::new(u64::from(MAX_LEN)).is_ok());
        assert!(MaxFrame::new(u64::from(MAX_LEN) + 1).is_err());
        assert!(MaxFrame::new((1 << 32) + 1).is_err());
    }

    /// Row F1: every header there is, accepted iff flags and length allow.
    #[test]
    #[ignore = "4 x 2^32 headers: half a minute optimised; cargo test --release -p proto -- --ignored all_headers"]
    fn all_headers() {
        for max in [1, 12, MaxFrame::DEFAULT.0, MAX_LEN] {
            let max = MaxFrame::new(u64::from(max)).unwrap();
            let mut accepted = 0_u64;
            for word in 0..=u32::MAX {
                let flags = word >> 28;
                let decoded = decode_header(word.to_be_bytes(), max);
                assert_eq!(
                    decoded.is_ok(),
                    flags == 0 && (word & MAX_LEN) <= max.0,
                    "{word:#010x}"
                );
                if let Ok(len) = decoded {
                    assert_eq!(len, word);
                    accepted += 1;
                }
            }
            assert_eq!(accepted, u64::from(max.0) + 1);
        }
    }
}
