//! Histograms as text.

use anyhow::{Context, Result};
use base64::{Engine, engine::general_purpose::STANDARD};
use hdrhistogram::{
    Histogram,
    serialization::{Deserializer, Serializer, V2DeflateSerializer},
};

/// Encodes a histogram as the HDR log does: V2, deflated, in base64. The text is empty
/// if it could not be encoded.
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
/// Text that is not an encoded histogram.
pub fn decode(text: &str) -> Result<Histogram<u64>> {
    let bytes = STANDARD.decode(text).ok().context("not base64")?;
    let decoded = Deserializer::new().deserialize(&mut bytes.as_slice());
    decoded.ok().context("not an HDR histogram of nanoseconds")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
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
}
