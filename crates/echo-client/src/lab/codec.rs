//! How messages go on the wire, and how a receiver finds them again.

use anyhow::Result;
use base64::{Engine, prelude::BASE64_STANDARD};
use clap::ValueEnum;
use proto::{Framing, HEADER_LEN, Header};

/// How a receiver tells where a message ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Codec {
    /// One read is taken for one message
    OneRead,
    /// A line feed ends a message
    Delimiter,
    /// A line feed ends a message, which is base64 and has none inside
    Base64Delimiter,
    /// The length stands in front
    Framed,
}

impl Codec {
    /// A message as it goes on the wire.
    pub(super) fn encode(self, payload: &[u8]) -> Result<Vec<u8>> {
        Ok(match self {
            Self::OneRead => payload.to_vec(),
            Self::Delimiter => [payload, b"\n"].concat(),
            Self::Base64Delimiter => (BASE64_STANDARD.encode(payload) + "\n").into_bytes(),
            Self::Framed => {
                let len = u32::try_from(payload.len())?;
                [&len.to_be_bytes(), payload].concat()
            }
        })
    }

    /// The message at the beginning of bytes, once it is whole: how many of them it
    /// takes, and its payload.
    pub(super) fn decode(self, bytes: &[u8]) -> Option<(usize, Vec<u8>)> {
        match self {
            Self::OneRead => (!bytes.is_empty()).then(|| (bytes.len(), bytes.to_vec())),
            Self::Delimiter | Self::Base64Delimiter => {
                let end = bytes.iter().position(|byte| *byte == b'\n')?;
                let line = bytes[..end].to_vec();
                let is_base64 = self == Self::Base64Delimiter;
                let decoded = is_base64.then(|| BASE64_STANDARD.decode(&line).ok());
                Some((end + 1, decoded.flatten().unwrap_or(line)))
            }
            Self::Framed => {
                let header = Header::decode(*bytes.first_chunk()?, Framing::default()).ok()?;
                let end = HEADER_LEN + header.len as usize;
                Some((end, bytes.get(HEADER_LEN..end)?.to_vec()))
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// What is found in the stream of two messages.
    fn found(codec: Codec) -> Vec<(usize, String)> {
        let sent = [&b"a b"[..], b"c\nd"].map(|payload| codec.encode(payload).unwrap());
        let stream = sent.concat();
        let (mut messages, mut rest) = (Vec::new(), stream.as_slice());
        while let Some((len, payload)) = codec.decode(rest) {
            messages.push((len, String::from_utf8(payload).unwrap()));
            rest = &rest[len..];
        }
        messages
    }

    #[test]
    fn messages_are_found_or_not() {
        let own = |text: &str| text.to_owned();
        assert_eq!(found(Codec::OneRead), [(6, own("a bc\nd"))]);
        let cut = [(4, own("a b")), (2, own("c")), (2, own("d"))];
        assert_eq!(found(Codec::Delimiter), cut);
        let right = [(5, own("a b")), (5, own("c\nd"))];
        assert_eq!(found(Codec::Base64Delimiter), right);
        assert_eq!(found(Codec::Framed), [(7, own("a b")), (7, own("c\nd"))]);
    }

    #[test]
    fn a_part_of_a_message_is_none() {
        for codec in [Codec::Delimiter, Codec::Base64Delimiter, Codec::Framed] {
            let message = codec.encode(b"a b").unwrap();
            for len in 0..message.len() {
                assert_eq!(codec.decode(&message[..len]), None, "{codec:?} {len}");
            }
        }
    }
}
