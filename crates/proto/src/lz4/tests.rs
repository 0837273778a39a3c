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
