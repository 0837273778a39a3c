//! Checksummed payloads arrive as sent; with one byte of the stream changed,
//! only the frames before it arrive.
#![no_main]

use std::hash::{DefaultHasher, Hash, Hasher};

use libfuzzer_sys::fuzz_target;
use proto::{Framing, Reader, Wire, Writer};
use proto_fuzz::read_all;

fuzz_target!(|data: &[u8]| {
    let Some((&[options, xor, at @ ..], lines)) = data.split_first_chunk::<4>() else {
        return;
    };
    let framing = Framing {
        checksum: true,
        compress: options & 1 != 0,
        require_checksum: true,
        ..Framing::default()
    };
    let wire = Wire::Framed(framing);
    // No CRC withstands forgery: a payload can hold the checksum of a shortened
    // frame. A hash of the input keeps the fuzzer from that.
    let mut hasher = DefaultHasher::new();
    data.hash(&mut hasher);
    let salt = hasher.finish().to_le_bytes();
    let repeat = 1 + usize::from(options >> 1) % 8;
    let mut sent = Vec::new();
    let mut writer = Writer::new(wire);
    for line in lines.split(|&byte| byte == b'\n') {
        let salt = if line.is_empty() { &[][..] } else { &salt };
        sent.push([salt, &line.repeat(repeat)].concat());
        writer.add(&sent[sent.len() - 1]).unwrap();
    }
    let mut bytes = writer.as_bytes().to_vec();

    let (payloads, raw, ending) = read_all(Reader::new(wire), &mut &*bytes);
    assert_eq!((&payloads, &raw), (&sent, &bytes));
    ending.unwrap();

    let at = usize::from(u16::from_le_bytes(at)) % bytes.len();
    bytes[at] ^= xor.max(1);
    let (payloads, raw, ending) = read_all(Reader::new(wire), &mut &*bytes);
    assert!(sent.starts_with(&payloads));
    assert!(raw.len() <= at && ending.is_err());
});
