//! LZ4 blocks: compression, validation, decompression.
//!
//! A block is a list of sequences. Each begins with a token: its upper half is
//! a number of literals, its lower half the length of a match, less 4; 15 in
//! either continues in further bytes, up to the first that is not 255. After
//! the literals comes the distance back to the match, a little-endian u16. The
//! last sequence ends with its literals.

use lz4_flex::block;

use crate::{FrameError, MaxFrame, ORIGINAL_LEN};

/// Minimum match; the token's lower half counts from here.
const MIN_MATCH: usize = 4;

/// Why a block is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BlockFault {
    /// It ends inside a sequence, or refers to bytes before the output.
    Malformed,
    /// It decompresses to more than announced.
    Longer,
    /// It decompresses to less than announced.
    Shorter,
}

/// Checks that `body`, an original length and a block, decompresses to exactly
/// that length, within the limit, and returns the length in bytes.
///
/// It does not decompress: the tokens give the lengths, so it takes no memory,
/// and time only for the bytes that arrived.
pub(crate) fn check(body: &[u8], max: MaxFrame) -> Result<usize, FrameError> {
    let (original, block) = split(body);
    let len = max.check(u64::from(original))? as usize;
    match walk(block, len) {
        Ok(()) => Ok(len),
        Err(fault) => Err(fault.of(original)),
    }
}

/// Decompresses a [checked](check) `body` into `output`, which then holds
/// exactly the original bytes.
pub(crate) fn decompress(body: &[u8], output: &mut Vec<u8>) -> Result<(), FrameError> {
    let (original, block) = split(body);
    let len = original as usize;
    // All zero first, whatever a reused buffer held.
    output.clear();
    output
        .try_reserve_exact(len)
        .map_err(|_| FrameError::NoMemory { original })?;
    output.resize(len, 0);
    match block::decompress_into(block, output) {
        Ok(n) if n == len => Ok(()),
        _ => Err(BlockFault::Malformed.of(original)),
    }
}

/// Appends the original length and the LZ4 block of `payload` if together they
/// are smaller than `payload`; returns whether they were.
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

/// The original length in a `body`, in bytes.
pub(crate) fn announced(body: &[u8]) -> u32 {
    split(body).0
}

/// The original length and the block.
fn split(body: &[u8]) -> (u32, &[u8]) {
    let (original, block) = body
        .split_first_chunk()
        .unwrap_or((&[0; ORIGINAL_LEN], &[]));
    (u32::from_be_bytes(*original), block)
}

/// Follows a block from token to token and checks that it decompresses to `len`
/// bytes.
///
/// Accepts and refuses the same blocks for the same reasons as `lz4_flex`
/// decompressing into a buffer of `len` bytes. For fast decoders the format
/// also requires five literals at the end and no match within the last twelve
/// bytes; neither crate enforces it.
fn walk(block: &[u8], len: usize) -> Result<(), BlockFault> {
    let mut rest = block;
    let mut produced = 0;
    loop {
        let (&token, after) = rest.split_first().ok_or(BlockFault::Malformed)?;
        rest = after;
        let literals = length(token >> 4, &mut rest)?;
        rest = rest.get(literals..).ok_or(BlockFault::Malformed)?;
        produced = advance(produced, literals, len)?;
        if rest.is_empty() {
            break;
        }
        let (offset, after) = rest.split_first_chunk().ok_or(BlockFault::Malformed)?;
        rest = after;
        let offset = usize::from(u16::from_le_bytes(*offset));
        if offset == 0 {
            return Err(BlockFault::Malformed);
        }
        let begin = produced;
        let matched = length(token & 0xf, &mut rest)?.saturating_add(MIN_MATCH);
        produced = advance(produced, matched, len)?;
        if offset > begin {
            return Err(BlockFault::Malformed);
        }
    }
    if produced == len {
        Ok(())
    } else {
        Err(BlockFault::Shorter)
    }
}

/// A length that begins in half a token and may continue in `rest`. Saturating:
/// a block of the largest frame can announce more than 32 bits hold.
#[inline]
fn length(nibble: u8, rest: &mut &[u8]) -> Result<usize, BlockFault> {
    let mut length = usize::from(nibble);
    if nibble == 0xf {
        loop {
            let (&more, after) = rest.split_first().ok_or(BlockFault::Malformed)?;
            *rest = after;
            length = length.saturating_add(usize::from(more));
            if more != u8::MAX {
                break;
            }
        }
    }
    Ok(length)
}

/// `produced` is at most `len`, and both fit in memory, so nothing overflows.
#[inline]
const fn advance(produced: usize, by: usize, len: usize) -> Result<usize, BlockFault> {
    if by <= len - produced {
        Ok(produced + by)
    } else {
        Err(BlockFault::Longer)
    }
}

impl BlockFault {
    const fn of(self, original: u32) -> FrameError {
        let reason = match self {
            Self::Malformed => "its block is not LZ4",
            Self::Longer => "its block holds more",
            Self::Shorter => "its block holds fewer",
        };
        FrameError::BadCompression { original, reason }
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::unwrap_used)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    /// The result of `lz4_flex` for a block and a buffer of `len` bytes.
    fn theirs(block: &[u8], len: usize) -> Result<(), BlockFault> {
        match block::decompress_into(block, &mut vec![0; len]) {
            Ok(n) if n == len => Ok(()),
            Ok(_) => Err(BlockFault::Shorter),
            Err(block::DecompressError::OutputTooSmall { .. }) => Err(BlockFault::Longer),
            Err(_) => Err(BlockFault::Malformed),
        }
    }

    /// A sequence of a block: literals, offset, length of the match.
    fn sequence(literals: &[u8], offset: u16, matched: usize) -> Vec<u8> {
        fn extension(length: usize) -> Vec<u8> {
            length.checked_sub(15).map_or_else(Vec::new, |left| {
                let mut bytes = vec![255; left / 255];
                bytes.push(u8::try_from(left % 255).unwrap());
                bytes
            })
        }
        let token = literals.len().min(15) << 4 | matched.min(15);
        let mut bytes = vec![u8::try_from(token).unwrap()];
        bytes.extend(extension(literals.len()));
        bytes.extend_from_slice(literals);
        bytes.extend(offset.to_le_bytes());
        bytes.extend(extension(matched));
        bytes
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// Nearly valid blocks: random sequences, with possibly one byte
        /// changed.
        #[test]
        fn walk_agrees_with_decompression(
            sequences in vec((vec(any::<u8>(), 0..40), 0_u16..60, 0_usize..600), 0..6),
            last in vec(any::<u8>(), 0..40),
            changed in any::<Option<(prop::sample::Index, u8)>>(),
            off_by in -2_isize..=2,
        ) {
            let produced: usize = sequences
                .iter()
                .map(|(literals, _, matched)| literals.len() + MIN_MATCH + matched)
                .sum::<usize>() + last.len();
            let mut block = Vec::new();
            for (literals, offset, matched) in &sequences {
                block.extend(sequence(literals, *offset, *matched));
            }
            let end = sequence(&last, 0, 0);
            block.extend(&end[..end.len() - 2]);
            if let Some((at, byte)) = changed {
                let at = at.index(block.len());
                block[at] = byte;
            }
            let len = produced.saturating_add_signed(off_by);
            prop_assert_eq!(walk(&block, len), theirs(&block, len));
        }

        #[test]
        fn walk_agrees_with_decompression_on_noise(
            block in vec(any::<u8>(), 0..64),
            len in 0_usize..2000,
        ) {
            prop_assert_eq!(walk(&block, len), theirs(&block, len));
        }
    }

    /// Every block of up to two bytes, and of three that begin a match.
    #[test]
    fn walk_agrees_with_decompression_on_short_blocks() {
        let agree = |block: &[u8]| {
            for len in 0..40 {
                assert_eq!(walk(block, len), theirs(block, len), "{block:x?} as {len}");
            }
        };
        agree(&[]);
        for a in 0..=u8::MAX {
            agree(&[a]);
            for b in 0..=u8::MAX {
                agree(&[a, b]);
                agree(&[a, b, 0]);
                agree(&[0x10, b'x', a, 0, b]);
                agree(&[0x1f, b'x', 1, 0, a, b]);
            }
        }
    }

    #[test]
    fn wrong_lengths_are_refused() {
        let mut body = Vec::new();
        assert!(compress(&[7; 1000], &mut body));
        let (_, block) = split(&body);
        let claimed = |original: u32| {
            let body = [&original.to_be_bytes()[..], block].concat();
            check(&body, MaxFrame::DEFAULT).map_err(|error| error.to_string())
        };
        assert_eq!(claimed(1000), Ok(1000));
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
                "bad compression: 8388608 bytes announced, its block holds fewer",
            ),
            (
                (8 << 20) + 1,
                "frame of 8388609 bytes exceeds the limit of 8388608",
            ),
            (
                u32::MAX,
                "frame of 4294967295 bytes exceeds the limit of 8388608",
            ),
        ] {
            assert_eq!(claimed(claim), Err(reason.to_owned()));
        }
    }

    /// RUSTSEC-2026-0041: a match that begins before the output must not copy
    /// the previous contents of a reused buffer.
    #[test]
    fn a_reused_buffer_does_not_leak() {
        let mut output = b"secret secret secret secret secret".to_vec();
        // One literal, then a match 9 bytes back, before the output's start; an
        // offset of zero would copy the output onto itself.
        for offset in [9, 0] {
            let block = [0x14, b'a', offset, 0, 0x10, b'b'];
            let body = [&10_u32.to_be_bytes()[..], &block].concat();
            let malformed = BlockFault::Malformed.of(10);
            assert_eq!(check(&body, MaxFrame::DEFAULT), Err(malformed));
            assert_eq!(decompress(&body, &mut output), Err(malformed));
            assert!(!output.windows(6).any(|bytes| bytes == b"secret"));
        }
    }

    /// Compressed if and only if it saves at least a byte; the room for the
    /// worst case is the block's, however much came before.
    #[test]
    fn only_smaller_payloads_are_compressed() {
        let before = vec![1; 8192];
        let mut equal = 0;
        for distinct in 0..40 {
            for repeated in 0..40 {
                let mut payload: Vec<u8> = (0..distinct).collect();
                payload.resize(usize::from(distinct) + repeated, 0);
                let size = ORIGINAL_LEN + block::compress(&payload).len();
                let mut output = before.clone();
                let compressed = compress(&payload, &mut output);
                assert_eq!(compressed, size < payload.len(), "{payload:?}");
                let added = if compressed { size } else { 0 };
                assert_eq!(output.len(), before.len() + added);
                assert!(output.capacity() < 4 * before.len());
                equal += usize::from(size == payload.len());
            }
        }
        assert!(equal > 0);
    }

    #[test]
    fn an_unchecked_body_is_not_padded() {
        let mut body = Vec::new();
        assert!(compress(&[7; 1000], &mut body));
        for (original, is_right) in [(999_u32, false), (1000, true), (1001, false)] {
            body[..ORIGINAL_LEN].copy_from_slice(&original.to_be_bytes());
            let mut output = Vec::new();
            assert_eq!(decompress(&body, &mut output).is_ok(), is_right);
        }
    }

    #[test]
    fn incompressible_payloads_leave_the_output_unchanged() {
        let mut output = b"before".to_vec();
        assert!(!compress(b"", &mut output));
        assert!(!compress(b"Hello World!", &mut output));
        assert_eq!(output, b"before");
    }
}
