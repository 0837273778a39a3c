//! One whole frame: its checksum, its payload.

use lz4_flex::block;

use crate::{CHECKSUM_LEN, FrameError, HEADER_LEN, Header, MaxFrame, ORIGINAL_LEN};

/// LZ4 spends at least one byte on 255 of output (block format, "length of the
/// match": each further byte adds at most 255).
const MAX_EXPANSION: u64 = 255;

/// One whole message, borrowed from where it was read.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    compressed: bool,
    /// What follows the header, without the checksum.
    body: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Bare bytes.
    pub(crate) const fn bare(bytes: &'a [u8]) -> Self {
        Self {
            compressed: false,
            body: bytes,
        }
    }

    /// Takes a frame apart, without looking at its contents.
    pub(crate) fn split(header: Header, raw: &'a [u8]) -> Self {
        let checksum = if header.checksum { CHECKSUM_LEN } else { 0 };
        let end = raw.len().saturating_sub(checksum);
        Self {
            compressed: header.compressed,
            body: raw.get(HEADER_LEN..end).unwrap_or_default(),
        }
    }

    /// Whether this is a heartbeat, or bare bytes that are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.body.is_empty()
    }

    /// The payload; a compressed one is decompressed into `scratch`.
    #[must_use]
    pub fn payload<'b>(&self, scratch: &'b mut Vec<u8>) -> &'b [u8]
    where
        'a: 'b,
    {
        if !self.compressed {
            return self.body;
        }
        // It was checked when it was read, by the same bytes.
        match decompress(self.body, MaxFrame::LARGEST, scratch) {
            Ok(()) => scratch,
            Err(_) => &[],
        }
    }
}

/// Checks the checksum and the compressed payload of a whole frame. Returns
/// the length of its payload in bytes, decompressed.
///
/// `scratch` holds what it decompresses to, for as long as that takes.
pub(crate) fn check(
    header: Header,
    raw: &[u8],
    max: MaxFrame,
    scratch: &mut Vec<u8>,
) -> Result<usize, FrameError> {
    if header.checksum {
        verify_checksum(raw)?;
    }
    let body = Frame::split(header, raw).body;
    if header.compressed {
        decompress(body, max, scratch)?;
        Ok(scratch.len())
    } else {
        Ok(body.len())
    }
}

fn verify_checksum(raw: &[u8]) -> Result<(), FrameError> {
    let (covered, announced) = raw.split_last_chunk().unwrap_or((&[], &[0; CHECKSUM_LEN]));
    let announced = u32::from_be_bytes(*announced);
    let computed = checksum(covered);
    if announced == computed {
        Ok(())
    } else {
        Err(FrameError::BadChecksum {
            announced,
            computed,
        })
    }
}

/// CRC-32C (Castagnoli; RFC 3720, appendix B.4) over header and payload.
pub(crate) fn checksum(covered: &[u8]) -> u32 {
    crc32c::crc32c(covered)
}

/// Decompresses into `output`, which then has exactly the original's bytes.
fn decompress(body: &[u8], max: MaxFrame, output: &mut Vec<u8>) -> Result<(), FrameError> {
    let (original, block) = body
        .split_first_chunk()
        .unwrap_or((&[0; ORIGINAL_LEN], &[]));
    let original = u32::from_be_bytes(*original);
    max.check(u64::from(original))?;
    // A claim that no block of this length can keep costs no memory.
    if u64::from(original) > MAX_EXPANSION * block.len() as u64 {
        return Err(FrameError::BadCompression {
            original,
            reason: "more than its block can hold",
        });
    }
    output.clear();
    output
        .try_reserve_exact(original as usize)
        .map_err(|_| FrameError::NoMemory { original })?;
    output.resize(original as usize, 0);
    // The output's length bounds what is produced, whatever the block says.
    match block::decompress_into(block, output) {
        Ok(n) if n == output.len() => Ok(()),
        Ok(_) => Err(FrameError::BadCompression {
            original,
            reason: "its block holds fewer",
        }),
        Err(block::DecompressError::OutputTooSmall { .. }) => Err(FrameError::BadCompression {
            original,
            reason: "its block holds more",
        }),
        Err(_) => Err(FrameError::BadCompression {
            original,
            reason: "its block is no LZ4",
        }),
    }
}

/// Appends the original length and the LZ4 block of `payload`, if both are
/// smaller together than `payload` is; says whether they were.
pub(crate) fn compress(payload: &[u8], output: &mut Vec<u8>) -> bool {
    let Ok(original) = u32::try_from(payload.len()) else {
        return false;
    };
    let start = output.len();
    output.extend_from_slice(&original.to_be_bytes());
    let block = output.len();
    output.resize(block + block::get_maximum_output_size(payload.len()), 0);
    let room = output.get_mut(block..).unwrap_or_default();
    match block::compress_into(payload, room) {
        Ok(n) if ORIGINAL_LEN + n < payload.len() => {
            output.truncate(block + n);
            true
        }
        _ => {
            output.truncate(start);
            false
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// The check value of CRC-32/ISCSI in the catalogue of parametrised CRCs.
    #[test]
    fn checksum_of_the_published_example() {
        assert_eq!(checksum(b"123456789"), 0xe306_9283);
    }

    fn decompressed(original: u32, block: &[u8], scratch: &mut Vec<u8>) -> Result<(), String> {
        let body = [&original.to_be_bytes()[..], block].concat();
        decompress(&body, MaxFrame::DEFAULT, scratch).map_err(|error| error.to_string())
    }

    #[test]
    fn lying_lengths_are_refused() {
        let mut body = Vec::new();
        assert!(compress(&[7; 1000], &mut body));
        let (_, block) = body.split_first_chunk::<ORIGINAL_LEN>().unwrap();
        let mut scratch = Vec::new();
        assert_eq!(decompressed(1000, block, &mut scratch), Ok(()));
        assert_eq!(scratch, [7; 1000]);
        for (claim, reason) in [
            (
                999,
                "bad compression: 999 bytes announced, its block holds more",
            ),
            (
                1001,
                "bad compression: 1001 bytes announced, its block holds fewer",
            ),
            (
                0,
                "bad compression: 0 bytes announced, its block holds more",
            ),
            (
                8 << 20,
                "bad compression: 8388608 bytes announced, more than its block can hold",
            ),
            (
                u32::MAX,
                "frame of 4294967295 bytes exceeds the limit of 8388608",
            ),
        ] {
            assert_eq!(
                decompressed(claim, block, &mut scratch),
                Err(reason.to_owned())
            );
        }
        // What was refused for its claim alone has cost no memory.
        assert!(scratch.capacity() < 8 << 20);
    }

    /// RUSTSEC-2026-0041: a match that reaches behind the output's beginning
    /// must not copy what a reused buffer held before.
    #[test]
    fn a_reused_buffer_does_not_leak() {
        let mut scratch = b"secret secret secret secret secret".to_vec();
        // One literal, then a match 9 bytes back, where nothing was produced.
        let beyond = [0x14, b'a', 9, 0, 0x10, b'b'];
        assert!(decompressed(10, &beyond, &mut scratch).is_err());
        assert!(!scratch.windows(6).any(|bytes| bytes == b"secret"));
        // An offset of zero would copy the output onto itself.
        let zero = [0x14, b'a', 0, 0, 0x10, b'b'];
        assert!(decompressed(10, &zero, &mut scratch).is_err());
    }

    #[test]
    fn what_does_not_shrink_stays_as_it_is() {
        let mut output = b"before".to_vec();
        assert!(!compress(b"", &mut output));
        assert!(!compress(b"Hello World!", &mut output));
        assert_eq!(output, b"before");
    }
}
