//! The bytes of a message, taken apart for a reader.

use std::fmt::Write;

use cli::format::plural;
use proto::{CHECKSUM_LEN, HEADER_LEN, Header, ORIGINAL_LEN, Reader, Received, Wire};

/// Bytes in a line.
const LINE: usize = 16;

/// As many bytes of a message are shown.
const MAX_SHOWN: usize = 256;

/// Shows one message: a frame in its parts, raw bytes as they are.
pub(crate) fn show(direction: &str, bytes: &[u8], wire: Wire) -> String {
    let mut text = format!("{direction} {}", plural(bytes.len() as u64, "byte"));
    let header = match (wire, bytes.first_chunk()) {
        (Wire::Framed(framing), Some(first)) => Header::decode(*first, framing).ok(),
        _ => None,
    };
    let Some(header) = header else {
        dump(&mut text, bytes);
        return text;
    };
    let (first, body) = bytes.split_at_checked(HEADER_LEN).unwrap_or_default();
    let mut note = format!("length {}", header.len);
    for (is_so, text) in [
        (header.checksum, ", checksum"),
        (header.compressed, ", compressed"),
        (header.len == 0, ": a heartbeat"),
    ] {
        note.push_str(if is_so { text } else { "" });
    }
    line(&mut text, first, &note);
    let checksum = if header.checksum { CHECKSUM_LEN } else { 0 };
    let end = body.len().saturating_sub(checksum);
    let (mut payload, checksum) = body.split_at_checked(end).unwrap_or_default();
    if header.compressed
        && let Some((original, block)) = payload.split_first_chunk::<ORIGINAL_LEN>()
    {
        let len = u32::from_be_bytes(*original);
        let note = format!("{len} bytes, compressed to {}", block.len());
        line(&mut text, original, &note);
        payload = block;
    }
    dump(&mut text, payload);
    if !checksum.is_empty() {
        line(&mut text, checksum, "CRC-32C of all before");
    }
    text
}

/// The payload of a frame that was received, or raw bytes.
///
/// # Errors
///
/// None that the reception had not.
pub(crate) fn payload(mut bytes: &[u8], wire: Wire) -> Result<Vec<u8>, proto::Error> {
    let mut reader = Reader::new(wire);
    while let Received::Batch(batch) = reader.read(&mut bytes)? {
        if let Some(frame) = batch.frames().next() {
            return Ok(frame.payload(&mut Vec::new())?.to_vec());
        }
    }
    Ok(Vec::new())
}

/// Bytes as hex and as text, in lines.
fn dump(text: &mut String, bytes: &[u8]) {
    let shown = bytes.get(..MAX_SHOWN).unwrap_or(bytes);
    for bytes in shown.chunks(LINE) {
        let printable = |byte: &u8| matches!(byte, b' '..=b'~').then_some(char::from(*byte));
        let note: String = bytes
            .iter()
            .map(|byte| printable(byte).unwrap_or('.'))
            .collect();
        line(text, bytes, &note);
    }
    if bytes.len() > shown.len() {
        let _ = write!(text, "\n   [{} more]", bytes.len() - shown.len());
    }
}

fn line(text: &mut String, bytes: &[u8], note: &str) {
    let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let width = 3 * LINE - 1;
    let _ = write!(text, "\n   {:<width$}  {note}", hex.join(" "));
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proto::{Framing, Writer};

    use super::*;

    fn shown(message: &[u8], framing: Framing) -> Vec<String> {
        let wire = Wire::Framed(framing);
        let mut writer = Writer::new(wire);
        writer.add(message).unwrap();
        assert_eq!(payload(writer.as_bytes(), wire).unwrap(), message);
        let text = show("->", writer.as_bytes(), wire);
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        text.lines().map(words).collect()
    }

    #[test]
    fn a_frame_in_its_parts() {
        assert_eq!(
            shown(b"hello\x1b[2J", Framing::default()),
            [
                "-> 13 bytes",
                "00 00 00 09 length 9",
                "68 65 6c 6c 6f 1b 5b 32 4a hello.[2J"
            ]
        );
        assert_eq!(
            shown(b"", Framing::default()),
            ["-> 4 bytes", "00 00 00 00 length 0: a heartbeat"]
        );
    }

    #[test]
    fn a_checksum_and_a_compressed_payload() {
        let framing = Framing {
            checksum: true,
            compress: true,
            ..Framing::default()
        };
        assert_eq!(
            shown(b"123456789", framing),
            [
                "-> 17 bytes",
                "80 00 00 0d length 13, checksum",
                "31 32 33 34 35 36 37 38 39 123456789",
                "52 e1 50 f0 CRC-32C of all before"
            ]
        );
        let lines = shown(&[b'x'; 1000], framing);
        assert!(lines[1].ends_with(", checksum, compressed"), "{lines:#?}");
        assert!(
            lines[2].starts_with("00 00 03 e8 1000 bytes, compressed to "),
            "{lines:#?}"
        );
    }

    #[test]
    fn bare_bytes_and_long_ones() {
        assert_eq!(show("<-", b"\0", Wire::Raw).lines().count(), 2);
        assert!(show("<-", &[0; 1000], Wire::Raw).ends_with("\n   [744 more]"));
    }
}
