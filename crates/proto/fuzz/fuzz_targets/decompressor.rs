//! A compressed frame is refused, or has exactly the length that it announces,
//! within the limit, and gives the same bytes whenever it is decompressed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use proto::{Framing, Header, MaxFrame, Reader, Received, Wire};

const MAX: u32 = 64 * 1024;

/// The payload of a compressed frame, unless that is refused.
fn delivered(body: &[u8], mut scratch: Vec<u8>) -> Option<Vec<u8>> {
    let header = Header {
        len: body.len().try_into().unwrap(),
        checksum: false,
        compressed: true,
    };
    let stream = [&header.encode(), body].concat();
    let wire = Wire::Framed(Framing {
        max_frame: MaxFrame::new(MAX.into()).unwrap(),
        ..Framing::default()
    });
    let mut reader = Reader::new(wire, 64 * 1024);
    let mut stream = stream.as_slice();
    while let Ok(Received::Batch(batch)) = reader.read(&mut stream) {
        if let Some(frame) = batch.frames().next() {
            let payload = frame.payload(&mut scratch);
            assert_eq!(payload.len(), batch.payload_len());
            return Some(payload.to_vec());
        }
    }
    None
}

fuzz_target!(|body: &[u8]| {
    if let Some(payload) = delivered(body, Vec::new()) {
        let (original, block) = body.split_first_chunk().unwrap();
        let original = u32::from_be_bytes(*original);
        assert!(original <= MAX && payload.len() == original as usize);
        // What a reused buffer held before must not show.
        assert_eq!(delivered(body, vec![0xa5; MAX as usize]), Some(payload));
        // Nor is anything padded or cut: a block has one length.
        for other in [original.wrapping_sub(1), original + 1] {
            let lie = [&other.to_be_bytes(), block].concat();
            assert_eq!(delivered(&lie, Vec::new()), None);
        }
    }
});
