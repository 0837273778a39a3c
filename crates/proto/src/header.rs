//! The four-byte header of a frame.

use crate::{
    FrameError, Framing, MaxFrame,
    format::{CHECKSUM_LEN, HEADER_LEN, MAX_LEN, ORIGINAL_LEN},
};

const CHECKSUM: u32 = 1 << 31;
const COMPRESSED: u32 = 1 << 30;
const RESERVED: u32 = 0b11 << 28;

/// A decoded header.
///
/// # Examples
///
/// ```
/// use proto::{Framing, Header};
///
/// let header = Header { len: 16, checksum: true, compressed: false };
/// assert_eq!(header.encode()?, [0x80, 0, 0, 16]);
/// assert_eq!(Header::decode([0x80, 0, 0, 16], Framing::default())?, header);
/// // The error names a reserved flag.
/// let error = Header::decode([0x20, 0, 0, 16], Framing::default()).unwrap_err();
/// assert_eq!(error.to_string(), "reserved flag bit 29 is set in header 0x20000010");
/// # Ok::<(), proto::FrameError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Bytes that follow the header.
    pub len: u32,
    /// K: the last four of them are a checksum of everything before.
    pub checksum: bool,
    /// Z: the payload is compressed, and its original length precedes it.
    pub compressed: bool,
}

impl Header {
    /// Returns the header's bytes on the wire.
    ///
    /// # Errors
    ///
    /// What [`decode`](Self::decode) would refuse: [`FrameError::TooLarge`] for
    /// a length above [`MAX_LEN`], [`FrameError::TooShort`] for a length
    /// without room for what the flags announce.
    pub const fn encode(self) -> Result<[u8; HEADER_LEN], FrameError> {
        let mut word = match MaxFrame::LARGEST.check(self.len as u64) {
            Ok(len) => len,
            Err(error) => return Err(error),
        };
        if self.checksum {
            word |= CHECKSUM;
        }
        if self.compressed {
            word |= COMPRESSED;
        }
        if self.overhead() > self.len as usize {
            return Err(FrameError::TooShort { header: word });
        }
        Ok(word.to_be_bytes())
    }

    /// Decodes and validates a header.
    ///
    /// # Errors
    ///
    /// [`FrameError`] when a reserved flag is set, the length exceeds the
    /// limit or is too short for what the flags announce, or a checksum is
    /// required and missing.
    #[inline]
    pub const fn decode(bytes: [u8; HEADER_LEN], framing: Framing) -> Result<Self, FrameError> {
        let word = u32::from_be_bytes(bytes);
        // A plain header equals its length, so one comparison accepts the
        // common case: any flag makes the word larger than every limit.
        if word <= framing.max_frame.get() && !framing.require_checksum {
            Ok(Self {
                len: word,
                checksum: false,
                compressed: false,
            })
        } else {
            Self::decode_flags(word, framing)
        }
    }

    #[cold]
    const fn decode_flags(word: u32, framing: Framing) -> Result<Self, FrameError> {
        if word & RESERVED != 0 {
            return Err(FrameError::ReservedFlags { header: word });
        }
        let len = match framing.max_frame.check((word & MAX_LEN) as u64) {
            Ok(len) => len,
            Err(error) => return Err(error),
        };
        let header = Self {
            len,
            checksum: word & CHECKSUM != 0,
            compressed: word & COMPRESSED != 0,
        };
        if header.overhead() > len as usize {
            return Err(FrameError::TooShort { header: word });
        }
        // A heartbeat has nothing to check.
        if framing.require_checksum && !header.checksum && word != 0 {
            return Err(FrameError::ChecksumMissing);
        }
        Ok(header)
    }

    /// Bytes after the header that are not payload.
    const fn overhead(self) -> usize {
        let checksum = if self.checksum { CHECKSUM_LEN } else { 0 };
        let original = if self.compressed { ORIGINAL_LEN } else { 0 };
        checksum + original
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn framing(max: u32, require_checksum: bool) -> Framing {
        Framing {
            max_frame: MaxFrame::new(u64::from(max)).unwrap(),
            require_checksum,
            ..Framing::default()
        }
    }

    #[test]
    fn golden_bytes() {
        for (bytes, len, checksum, compressed) in [
            ([0x00, 0x00, 0x00, 0x00], 0, false, false),
            ([0x00, 0x00, 0x00, 0x0c], 12, false, false),
            ([0x00, 0x00, 0x01, 0x00], 256, false, false),
            ([0x00, 0x80, 0x00, 0x00], 8_388_608, false, false),
            ([0x0f, 0xff, 0xff, 0xff], 268_435_455, false, false),
            ([0x80, 0x00, 0x00, 0x10], 16, true, false),
            ([0x40, 0x00, 0x00, 0x09], 9, false, true),
            ([0xcf, 0xff, 0xff, 0xff], 268_435_455, true, true),
        ] {
            let header = Header {
                len,
                checksum,
                compressed,
            };
            assert_eq!(Header::decode(bytes, framing(MAX_LEN, false)), Ok(header));
            assert_eq!(header.encode(), Ok(bytes));
        }
    }

    #[test]
    fn only_decodable_headers_are_encoded() {
        let encoded = |len, checksum, compressed| {
            let header = Header {
                len,
                checksum,
                compressed,
            };
            header.encode().map_err(|error| error.to_string())
        };
        assert_eq!(
            encoded(MAX_LEN + 1, false, false).unwrap_err(),
            "frame of 268435456 bytes exceeds the limit of 268435455"
        );
        assert!(encoded(u32::MAX, true, true).is_err());
        assert_eq!(
            encoded(3, true, false).unwrap_err(),
            "header 0x80000003 announces fewer bytes than its flags need"
        );
        assert!(encoded(4, true, false).is_ok() && encoded(4, false, true).is_ok());
        assert!(encoded(7, true, true).is_err() && encoded(8, true, true).is_ok());
    }

    #[test]
    fn errors_name_the_fault() {
        let max = MaxFrame::DEFAULT.get();
        for (word, require_checksum, reason) in [
            (
                0x2000_0001_u32,
                false,
                "reserved flag bit 29 is set in header 0x20000001",
            ),
            (
                0x1000_0001,
                false,
                "reserved flag bit 28 is set in header 0x10000001",
            ),
            (
                0xb000_0001,
                false,
                "reserved flag bits 29 and 28 are set in header 0xb0000001",
            ),
            (
                9_000_000,
                false,
                "frame of 9000000 bytes exceeds the limit of 8388608",
            ),
            (
                0x8080_0001,
                false,
                "frame of 8388609 bytes exceeds the limit of 8388608",
            ),
            (
                0x8000_0003,
                false,
                "header 0x80000003 announces fewer bytes than its flags need",
            ),
            (
                0xc000_0007,
                false,
                "header 0xc0000007 announces fewer bytes than its flags need",
            ),
            (0x0000_0001, true, "no checksum, and one is required"),
            (0x4000_0009, true, "no checksum, and one is required"),
        ] {
            let refused = Header::decode(word.to_be_bytes(), framing(max, require_checksum));
            assert_eq!(refused.unwrap_err().to_string(), reason);
        }
        assert!(Header::decode([0; 4], framing(max, true)).is_ok());
    }

    /// Every possible header: accepted if and only if flags and length allow.
    #[test]
    #[ignore = "4 x 2^32 headers: half a minute optimised; cargo test --release -p proto -- --ignored all_headers"]
    fn all_headers() {
        for max in [1, 12, MaxFrame::DEFAULT.get(), MAX_LEN] {
            let framing = framing(max, false);
            let mut accepted = 0_u64;
            for word in 0..=u32::MAX {
                let (is_reserved, len) = (word & RESERVED != 0, word & MAX_LEN);
                // Both data flags need four bytes each.
                let shortest = (word >> 30).count_ones() * 4;
                let decoded = Header::decode(word.to_be_bytes(), framing);
                let expected = !is_reserved && (shortest..=max).contains(&len);
                assert_eq!(decoded.is_ok(), expected, "{word:#010x}");
                if let Ok(header) = decoded {
                    assert_eq!(header.encode(), Ok(word.to_be_bytes()));
                    accepted += 1;
                }
            }
            let lengths = |shortest: u32| u64::from((max + 1).saturating_sub(shortest));
            assert_eq!(accepted, lengths(0) + 2 * lengths(4) + lengths(8));
        }
    }
}
