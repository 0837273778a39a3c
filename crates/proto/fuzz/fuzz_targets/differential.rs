//! Plain frames match tokio-util's `LengthDelimitedCodec`: the same payloads,
//! the same bytes, and the same frames refused or truncated.
#![no_main]

use libfuzzer_sys::fuzz_target;
use proto::{Error, FrameError, Framing, MAX_LEN, MaxFrame, Reader, Wire, Writer};
use proto_fuzz::read_all;
use tokio_util::{
    bytes::{Bytes, BytesMut},
    codec::{Decoder, Encoder, LengthDelimitedCodec},
};

fuzz_target!(|data: &[u8]| {
    let Some((&[max, read_size], stream)) = data.split_first_chunk() else {
        return;
    };
    // Squares reach limits below a header's length and above 64 KiB.
    let max = MaxFrame::new(u64::from(max).pow(2)).unwrap_or(MaxFrame::DEFAULT);
    let wire = Wire::Framed(Framing {
        max_frame: max,
        ..Framing::default()
    });
    let reader = Reader::new(wire).max_read(Some(usize::from(read_size).pow(2)));
    let (payloads, raw, ending) = read_all(reader, &mut &*stream);

    let mut codec = LengthDelimitedCodec::builder()
        .max_frame_length(max.get() as usize)
        .new_codec();
    let (mut writer, mut encoded) = (Writer::new(wire), BytesMut::new());
    let mut rest = BytesMut::from(stream);
    let mut theirs = Vec::new();
    let refused = loop {
        // A refusal must not hide which header it was.
        let header = rest.first_chunk().map(|first| u32::from_be_bytes(*first));
        match codec.decode(&mut rest) {
            Ok(Some(payload)) => {
                writer.add(&payload).unwrap();
                theirs.push(payload.to_vec());
                codec.encode(Bytes::from(payload), &mut encoded).unwrap();
            }
            Ok(None) => break None,
            Err(_) => break header,
        }
    };
    assert_eq!(writer.as_bytes(), &*encoded);

    // tokio-util reads a flag as part of the length, which is too large.
    if refused.is_some_and(|header| header > MAX_LEN) {
        assert!(payloads.starts_with(&theirs) && raw.starts_with(&encoded));
        return;
    }
    assert_eq!((payloads, &*raw), (theirs, &*encoded));
    match (refused, ending) {
        (Some(header), Err(Error::Refused { error, .. })) => {
            let (len, max) = (header.into(), max.get());
            assert_eq!(error, FrameError::TooLarge { len, max });
        }
        (None, Ok(())) => assert_eq!(raw, stream),
        (None, Err(Error::Truncated { got, .. })) => assert_eq!(got, stream.len() - raw.len()),
        (_, ending) => panic!("{ending:?}, they refuse {refused:?}"),
    }
});
