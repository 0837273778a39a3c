//! Histograms as text.

use std::io::Read;

use anyhow::{Context, Result};
use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::read::ZlibDecoder;
use hdrhistogram::{
    Histogram,
    serialization::{Deserializer, Serializer, V2DeflateSerializer},
};

/// The format inside what is deflated: the cookie of HDR V2.
const V2: u32 = 0x1C84_9313;

/// Bytes before the counts: cookie, their length, offset, digits, the lowest and the
/// highest value, ratio.
const HEADER: usize = 40;

/// As many as a histogram of `u64` with three digits has at most: 55 halves of 2,048
/// counts, of 9 bytes each.
const MAX_BYTES: u64 = HEADER as u64 + 55 * 1024 * 9;

/// Samples of a slice: more than a rank sends in a thousand years, and few enough
/// that no sum of many ranks overflows.
const MAX_SAMPLES: u64 = 1 << 53;

/// Encodes a histogram as the HDR log does: V2, deflated, in base64. Empty text
/// stands for one that could not be.
#[must_use]
pub fn encode(histogram: &Histogram<u64>) -> String {
    let mut bytes = Vec::new();
    // It fails on counts above 2^63.
    let encoded = V2DeflateSerializer::new().serialize(histogram, &mut bytes);
    encoded.map_or_else(|_| String::new(), |_| STANDARD.encode(&bytes))
}

/// Decodes it.
///
/// # Errors
///
/// What is no such text, or of another resolution.
pub fn decode(text: &str) -> Result<Histogram<u64>> {
    let bytes = STANDARD.decode(text).ok().context("not base64")?;
    inflate(&bytes)
        .and_then(|v2| Deserializer::new().deserialize(&mut v2.as_slice()).ok())
        .filter(|histogram: &Histogram<u64>| histogram.len() <= MAX_SAMPLES)
        .context("not an HDR histogram of nanoseconds with three digits")
}

/// What was deflated, if its header says what is there: a decoder takes as much memory
/// as that says, before it reads on.
fn inflate(bytes: &[u8]) -> Option<Vec<u8>> {
    // A cookie and a length come first.
    let deflated = bytes.get(8..)?;
    let mut v2 = Vec::new();
    let mut inflated = ZlibDecoder::new(deflated).take(MAX_BYTES);
    inflated.read_to_end(&mut v2).ok()?;
    let number = |at: usize| Some(u32::from_be_bytes(*v2.get(at..)?.first_chunk()?));
    let counts = usize::try_from(number(4)?).ok()?;
    let has_digits = number(12)? == 3 && v2.get(16..24)? == 1_u64.to_be_bytes();
    let numbers = v2.get(HEADER..)?;
    // A number of nine bytes is beyond what is allowed, and one of them has no opposite.
    let is_long = |bytes: &[u8]| bytes.iter().all(|byte| byte & 0x80 != 0);
    let is_whole = numbers.len() == counts && !numbers.windows(8).any(is_long);
    (number(0)? == V2 && has_digits && is_whole).then_some(v2)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::ZlibEncoder};

    use super::*;

    #[test]
    fn a_histogram_comes_back_with_every_bucket() {
        let mut histogram = Histogram::<u64>::new_with_bounds(1, 2, 3).unwrap();
        histogram.auto(true);
        for ns in [1, 2047, 2048, 1_000_000, 3_155_760_000_000_000_000] {
            histogram.record_n(ns, 3).unwrap();
        }
        let text = encode(&histogram);
        assert!(text.starts_with("HISTFA"), "{text}");
        assert_eq!(decode(&text).unwrap(), histogram);
    }

    #[test]
    fn other_text_is_an_error() {
        for bad in ["", "?", "AAAA", "HISTFAAAAA=="] {
            assert!(decode(bad).is_err(), "{bad}");
        }
    }

    /// Deflated, with such a header, before these counts.
    fn text(cookie: u32, len: u32, digits: u32, low: u64, counts: &[u8]) -> String {
        let mut v2 = Vec::new();
        let numbers = [low, 1 << 40, 1_f64.to_bits()];
        v2.extend([cookie, len, 0, digits].map(u32::to_be_bytes).concat());
        v2.extend(numbers.map(u64::to_be_bytes).concat());
        v2.extend(counts);
        let mut deflated = Vec::new();
        let mut encoder = ZlibEncoder::new(&mut deflated, Compression::best());
        encoder.write_all(&v2).unwrap();
        encoder.finish().unwrap();
        let len = u32::try_from(deflated.len()).unwrap();
        let start = [0x1C84_9314, len].map(u32::to_be_bytes).concat();
        STANDARD.encode([start, deflated].concat())
    }

    #[test]
    fn what_a_header_promises_takes_no_memory() {
        // One sample, and 2^53 + 1 of them: zigzag, seven bits in a byte.
        let (one, many) = ([2], [130, 128, 128, 128, 128, 128, 128, 32]);
        assert_eq!(decode(&text(V2, 1, 3, 1, &one)).unwrap().len(), 1);
        for bad in [
            text(V2, u32::MAX, 3, 1, &one),
            text(V2, 1 << 30, 3, 1, &vec![0; 5_000_000]),
            text(V2, 1, 2, 1, &one),
            text(V2, 1, 5, 1, &one),
            text(V2, 1, 3, 1 << 20, &one),
            text(0x1C84_9314, 1, 3, 1, &one),
            text(V2, 8, 3, 1, &many),
            text(V2, 9, 3, 1, &[0xFF; 9]),
        ] {
            assert!(decode(&bad).is_err(), "{}", &bad[..60]);
        }
    }
}
