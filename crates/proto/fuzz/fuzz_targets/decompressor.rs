//! A compressed frame is accepted if and only if lz4_flex decompresses it into
//! a buffer of the announced length, and refused for the same reason; it gives
//! the same bytes each time.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lz4_flex::block::{DecompressError, decompress_into};
use proto::{Error, FrameError, Framing, MaxFrame, Reader, Received, Wire};

const MAX: u32 = 64 * 1024;

/// The payload of a compressed frame, or the refusal.
fn delivered(body: &[u8], mut scratch: Vec<u8>) -> Result<Vec<u8>, FrameError> {
    // `Header` would refuse to encode one without room for the original length.
    let header = 1 << 30 | u32::try_from(body.len()).unwrap();
    let stream = [&header.to_be_bytes(), body].concat();
    let wire = Wire::Framed(Framing {
        max_frame: MaxFrame::new(MAX.into()).unwrap(),
        ..Framing::default()
    });
    let mut reader = Reader::new(wire);
    let mut stream = stream.as_slice();
    loop {
        match reader.read(&mut stream) {
            Ok(Received::Batch(batch)) => {
                if let Some(frame) = batch.frames().next() {
                    let payload = frame.payload(&mut scratch).unwrap();
                    assert_eq!(payload.len(), batch.payload_len());
                    assert_eq!(payload.len(), frame.payload_len());
                    return Ok(payload.to_vec());
                }
            }
            Err(Error::Refused { error, .. }) => return Err(error),
            other => panic!("{other:?}"),
        }
    }
}

/// The result of lz4_flex; `None` if the length alone decides.
fn expected(body: &[u8]) -> Option<Result<Vec<u8>, FrameError>> {
    let (original, block) = body.split_first_chunk()?;
    let original = u32::from_be_bytes(*original);
    if original > MAX || body.len() > MAX as usize {
        return None;
    }
    let mut payload = vec![0xa5; original as usize];
    let reason = match decompress_into(block, &mut payload) {
        Ok(n) if n == payload.len() => return Some(Ok(payload)),
        Ok(_) => "its block holds fewer",
        Err(DecompressError::OutputTooSmall { .. }) => "its block holds more",
        Err(_) => "its block is not LZ4",
    };
    Some(Err(FrameError::BadCompression { original, reason }))
}

fuzz_target!(|body: &[u8]| {
    let delivery = delivered(body, Vec::new());
    match expected(body) {
        Some(expected) => assert_eq!(delivery, expected),
        None => assert!(matches!(
            delivery,
            Err(FrameError::TooLarge { .. } | FrameError::TooShort { .. })
        )),
    }
    if let Ok(payload) = delivery {
        let (original, block) = body.split_first_chunk().unwrap();
        let original = u32::from_be_bytes(*original);
        // The previous contents of a reused buffer must not show.
        assert_eq!(delivered(body, vec![0xa5; MAX as usize]), Ok(payload));
        // No padding and no truncation: a block has one length.
        for other in [original.wrapping_sub(1), original + 1] {
            let lie = [&other.to_be_bytes(), block].concat();
            assert!(delivered(&lie, Vec::new()).is_err());
        }
    }
});
