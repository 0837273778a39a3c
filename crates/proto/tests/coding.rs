//! Properties of checksums and compression.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use proptest::{collection::vec, prelude::*};
use proto::{FrameError, Framing, MaxFrame, Reader, Wire, Writer};
use support::{ArbitraryChunks, cuts, limit, read_all, stream_and_cuts, written_as};

/// Frames with a checksum, which the reader requires.
const CHECKED: Wire = Wire::Framed(Framing {
    max_frame: MaxFrame::DEFAULT,
    checksum: true,
    compress: false,
    require_checksum: true,
});

proptest! {
    #[test]
    fn coded_frames_are_read_however_they_are_split(
        (payloads, cuts) in stream_and_cuts(),
        repeat in 1_usize..40,
        checksum: bool,
        compress: bool,
    ) {
        // Repetition makes some payloads compressible.
        let payloads: Vec<Vec<u8>> = payloads.iter().map(|payload| payload.repeat(repeat)).collect();
        let wire = Wire::Framed(Framing { checksum, compress, ..Framing::default() });
        let bytes = written_as(wire, &payloads);
        let stream = ArbitraryChunks { stream: &bytes, cuts: &cuts, at: 0 };
        let (read, raw, ending) = read_all(&mut Reader::new(Wire::default()), stream);
        prop_assert_eq!(&read, &payloads);
        prop_assert_eq!(&raw, &bytes);
        prop_assert!(ending.is_ok());
        if compress {
            let plain = written_as(Wire::Framed(Framing { checksum, ..Framing::default() }), &payloads);
            prop_assert!(bytes.len() <= plain.len(), "compressed frames are never larger");
        }
    }

    /// However a payload is split into parts, the message is the same.
    #[test]
    fn parts_make_the_same_message_as_the_whole(
        whole in vec(any::<u8>(), 0..200),
        repeat in 1_usize..20,
        cuts in cuts(4000),
        checksum: bool,
        compress: bool,
        raw: bool,
        max in 1_u64..5000,
    ) {
        let whole = whole.repeat(repeat);
        let mut ends: Vec<usize> = cuts.iter().map(|&cut| cut.min(whole.len())).collect();
        ends.push(whole.len());
        let mut start = 0;
        let parts: Vec<&[u8]> = ends
            .iter()
            .map(|&end| &whole[std::mem::replace(&mut start, end)..end])
            .collect();
        let max_frame = MaxFrame::new(max).unwrap();
        let framing = Framing { max_frame, checksum, compress, ..Framing::default() };
        let wire = if raw { Wire::Raw } else { Wire::Framed(framing) };
        let (mut joined, mut in_parts) = (Writer::new(wire), Writer::new(wire));
        for payload in [&b"before"[..], &whole, b"after"] {
            let parts = if payload == whole { &parts[..] } else { &[payload] };
            prop_assert_eq!(joined.add(payload), in_parts.add_parts(parts));
            prop_assert_eq!(joined.as_bytes(), in_parts.as_bytes());
        }
    }

    /// A compressed frame of any content is refused or within the limit.
    #[test]
    fn noise_never_decompresses_beyond_the_limit(original in 0_u32..3000, block in vec(any::<u8>(), 0..300)) {
        let len = u32::try_from(4 + block.len()).unwrap() | 1 << 30;
        let wire = [&len.to_be_bytes()[..], &original.to_be_bytes(), &block].concat();
        let (payloads, _, _) = read_all(&mut Reader::new(limit(1000)), wire.as_slice());
        prop_assert!(payloads.iter().all(|payload| payload.len() == original as usize && original <= 1000));
    }
}

/// A frame with the CRC catalogue's example, byte by byte.
#[test]
fn golden_checksummed_frame() {
    let wire = written_as(CHECKED, &[b"abc".to_vec()]);
    assert_eq!(wire[..7], [0x80, 0, 0, 7, b'a', b'b', b'c']);
    // Computed bit by bit, without a table and without the crate.
    let mut crc = u32::MAX;
    for byte in &wire[..7] {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0x82f6_3b78 * (crc & 1));
        }
    }
    assert_eq!(wire[7..], (!crc).to_be_bytes());
}

#[test]
fn a_heartbeat_is_four_zero_bytes_with_every_option() {
    for (checksum, compress) in [(false, false), (true, false), (false, true), (true, true)] {
        let framing = Framing {
            checksum,
            compress,
            require_checksum: checksum,
            ..Framing::default()
        };
        let wire = written_as(Wire::Framed(framing), &[Vec::new()]);
        assert_eq!(wire, [0; 4]);
        let (payloads, _, ending) =
            read_all(&mut Reader::new(Wire::Framed(framing)), wire.as_slice());
        assert_eq!(payloads, [b""]);
        ending.unwrap();
    }
}

#[test]
fn golden_compressed_frame() {
    let wire = Wire::Framed(Framing {
        compress: true,
        ..Framing::default()
    });
    // LZ4 block format: token 0x1f is one literal and a match of 15 or more;
    // offset 1, 75 more; the last five bytes are literals.
    let block = [0x1f, b'x', 1, 0, 75, 0x50, b'x', b'x', b'x', b'x', b'x'];
    let bytes = [&[0x40, 0, 0, 15, 0, 0, 0, 100][..], &block].concat();
    let (payloads, raw, ending) = read_all(&mut Reader::new(wire), bytes.as_slice());
    assert_eq!(payloads, [[b'x'; 100]]);
    assert_eq!(raw, bytes);
    ending.unwrap();
    // Many blocks decompress to the same bytes; ours is nearly the shortest.
    assert!(written_as(wire, &[vec![b'x'; 100]]).len() <= bytes.len() + 1);
    // Heartbeats and incompressible payloads stay plain.
    assert_eq!(written_as(wire, &[Vec::new()]), [0; 4]);
    assert_eq!(written_as(wire, &[b"abc".to_vec()]), b"\0\0\0\x03abc");
}

/// A slice can be several parts: a sum above the limit is refused before any
/// part is copied.
#[test]
fn parts_above_the_limit_are_not_copied() {
    let mut writer = Writer::new(Wire::default());
    let part = vec![0; 1 << 20];
    let refused = writer.add_parts(&vec![&part[..]; 1 << 12]);
    let (len, max) = (1 << 32, 8 << 20);
    assert_eq!(refused, Err(FrameError::TooLarge { len, max }));
    assert!(writer.as_bytes().is_empty());
}

/// Whether a reader that requires checksums returns anything.
fn is_delivered(bytes: &[u8]) -> bool {
    let (payloads, _, _) = read_all(&mut Reader::new(CHECKED), bytes);
    // A heartbeat carries no payload.
    payloads.iter().any(|payload| !payload.is_empty())
}

#[test]
fn every_flipped_bit_is_detected() {
    let payload: Vec<u8> = (0..4096_u32)
        .map(|i| (i * 31 % 251).to_le_bytes()[0])
        .collect();
    let mut bytes = written_as(CHECKED, &[payload]);
    assert!(is_delivered(&bytes));
    for bit in 0..bytes.len() * 8 {
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(!is_delivered(&bytes), "bit {bit}");
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
}

/// Random changes of 1 to 8 bytes. A CRC misses one in 2^32 by chance.
#[test]
fn random_corruptions_are_detected() {
    const CORRUPTIONS: u32 = 1_000_000;

    let payload: Vec<u8> = (0..200).collect();
    let good = written_as(CHECKED, &[payload]);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap() % below
    };
    for i in 0..CORRUPTIONS {
        let mut bytes = good.clone();
        for _ in 0..=random(8) {
            let at = random(bytes.len());
            bytes[at] ^= u8::try_from(1 + random(255)).unwrap();
        }
        // Two changes of one byte can cancel out.
        assert!(
            bytes == good || !is_delivered(&bytes),
            "corruption {i}: {bytes:x?}"
        );
    }
}
