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
mod tests;
