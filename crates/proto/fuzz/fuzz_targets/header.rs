//! Every header under every limit: accepted or refused as the format specifies,
//! for the right reason, and encoded as it was decoded.
#![no_main]

use libfuzzer_sys::fuzz_target;
use proto::{FrameError, Framing, Header, MaxFrame};

fuzz_target!(|data: &[u8]| {
    let Some((&[a, b, c, d, max @ .., options], _)) = data.split_first_chunk::<9>() else {
        return;
    };
    let bytes = [a, b, c, d];
    let Ok(max_frame) = MaxFrame::new(u32::from_be_bytes(max).into()) else {
        return;
    };
    let require_checksum = options & 1 != 0;
    let framing = Framing {
        max_frame,
        require_checksum,
        ..Framing::default()
    };

    // The format as documented in the crate, in 32 bits of text.
    let bits = format!("{:032b}", u32::from_be_bytes(bytes));
    let flag = |at: usize| bits.as_bytes()[at] == b'1';
    let (checksum, compressed) = (flag(0), flag(1));
    let len = u32::from_str_radix(&bits[4..], 2).unwrap();
    let needed = 4 * u32::from(checksum) + 4 * u32::from(compressed);
    let header = u32::from_be_bytes(bytes);
    let expected = if flag(2) || flag(3) {
        Err(FrameError::ReservedFlags { header })
    } else if len > max_frame.get() {
        Err(FrameError::TooLarge {
            len: len.into(),
            max: max_frame.get(),
        })
    } else if len < needed {
        Err(FrameError::TooShort { header })
    } else if require_checksum && !checksum && bits.contains('1') {
        Err(FrameError::ChecksumMissing)
    } else {
        Ok(Header {
            len,
            checksum,
            compressed,
        })
    };

    let decoded = Header::decode(bytes, framing);
    assert_eq!(decoded, expected);
    if let Ok(header) = decoded {
        assert_eq!(header.encode(), Ok(bytes));
    }
    // A header that no limit accepts is never encoded.
    let header = Header {
        len: u32::from_be_bytes(bytes),
        checksum: options & 2 != 0,
        compressed: options & 4 != 0,
    };
    let largest = Framing {
        max_frame: MaxFrame::LARGEST,
        ..Framing::default()
    };
    match header.encode() {
        Ok(bytes) => assert_eq!(Header::decode(bytes, largest), Ok(header)),
        Err(FrameError::TooLarge { len, .. }) => assert!(len > 0xfff_ffff),
        Err(FrameError::TooShort { .. }) => assert!(header.len < 8),
        Err(other) => panic!("{other}"),
    }
});
