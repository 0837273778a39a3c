//! What messages say, so that a reply tells which message it answers.

/// Bytes that say which message it is: the connection's index as a big-endian
/// u32 and the sequence number as a big-endian u64.
pub(crate) const MARK_LEN: usize = 12;

/// A run of bytes that are as random as `--entropy` says: its first part is,
/// the rest repeats one byte. LZ4 finds the repetition whatever the length.
const BLOCK: usize = 64;

/// The payloads of one connection.
#[derive(Clone, Debug)]
pub(crate) struct Payloads {
    connection: u32,
    seed: u64,
    /// Room for the mark, then what stands in every message.
    buf: Vec<u8>,
}

/// What a reply is that is not the expected one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    /// It is marked as this message of ours, but has other bytes or another
    /// length.
    Ours(u64),
    /// It is marked as this message of ours, and its bytes are right.
    OursWhole(u64),
    /// It is marked as a message of another connection of this run.
    Foreign,
    /// It has no mark, or none that was ever given.
    Unknown,
}

/// The body that all messages of a run share, for sizes up to `largest`:
/// compressible as far as `entropy` (0..1) leaves it.
pub(crate) fn body(largest: usize, seed: u64, entropy: f64) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut body = vec![b'e'; largest.max(MARK_LEN)];
    for block in body.chunks_mut(BLOCK) {
        // A share of a small count: neither sign nor size can be lost.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let share = (block.len() as f64 * entropy).round() as usize;
        random.fill(block.get_mut(..share).unwrap_or_default());
    }
    body
}

impl Payloads {
    pub(crate) fn new(connection: u32, seed: u64, body: &[u8]) -> Self {
        Self {
            connection,
            seed,
            buf: body.to_vec(),
        }
    }

    /// The payload of message `sequence`, `len` bytes long.
    pub(crate) fn message(&mut self, sequence: u64, len: usize) -> &[u8] {
        let mark = self.mark(sequence, len);
        let marked = len.min(MARK_LEN);
        if let (Some(slot), Some(mark)) = (self.buf.get_mut(..marked), mark.get(..marked)) {
            slot.copy_from_slice(mark);
        }
        self.buf.get(..len).unwrap_or_default()
    }

    /// Whether `came` is a part of message `sequence` of `len` bytes, from its
    /// byte `at` on.
    pub(crate) fn matches(&self, sequence: u64, len: usize, at: usize, came: &[u8]) -> bool {
        let mark = self.mark(sequence, len);
        if let Some((first, rest)) = came.split_first_chunk::<MARK_LEN>()
            && at == 0
        {
            // A whole reply, or the beginning of a large one: the usual case.
            return *first == mark && self.buf.get(MARK_LEN..came.len()) == Some(rest);
        }
        let of_mark = mark.get(at..len.min(MARK_LEN)).unwrap_or_default();
        let (first, rest) = came.split_at(of_mark.len().min(came.len()));
        let body = at + first.len()..at + came.len();
        of_mark.starts_with(first) && (rest.is_empty() || self.buf.get(body) == Some(rest))
    }

    /// Says what `came` is, by its mark; `connections` and `sent` are what
    /// there can be.
    pub(crate) fn identify(&self, came: &[u8], connections: u64, sent: u64) -> Identity {
        let Some((mark, rest)) = came.split_first_chunk::<MARK_LEN>() else {
            return Identity::Unknown;
        };
        let [a, b, c, d, sequence @ ..] = *mark;
        let connection = u32::from_be_bytes([a, b, c, d]);
        let sequence = u64::from_be_bytes(sequence);
        let is_body = self.buf.get(MARK_LEN..came.len()) == Some(rest);
        if connection == self.connection && sequence < sent {
            if is_body {
                Identity::OursWhole(sequence)
            } else {
                Identity::Ours(sequence)
            }
        } else if connection != self.connection && u64::from(connection) < connections && is_body {
            Identity::Foreign
        } else {
            Identity::Unknown
        }
    }

    /// What a message begins with: who it is, or, where there is no room for
    /// that, bytes that hardly any other message has.
    fn mark(&self, sequence: u64, len: usize) -> [u8; MARK_LEN] {
        let (connection, number) = if len >= MARK_LEN {
            (self.connection, sequence)
        } else {
            let mixed = mix(self.seed ^ mix(u64::from(self.connection) << 32 ^ sequence));
            // Which half comes first does not matter.
            #[allow(clippy::cast_possible_truncation)]
            let first = (mixed >> 32) as u32;
            (first, mix(mixed))
        };
        let both = u128::from(connection) << 64 | u128::from(number);
        let [_, _, _, _, mark @ ..] = both.to_be_bytes();
        mark
    }
}

/// Spreads a number over all 64 bits (the finalizer of `SplitMix64`).
const fn mix(number: u64) -> u64 {
    let a = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let b = (a ^ (a >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    b ^ (b >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn payloads(connection: u32) -> Payloads {
        Payloads::new(connection, 7, &body(100, 7, 1.0))
    }

    #[test]
    fn a_message_is_told_from_every_other() {
        let mut payloads = payloads(3);
        for len in [1, 2, 11, 12, 13, 100] {
            let message = payloads.message(5, len).to_vec();
            assert_eq!(message.len(), len);
            assert!(payloads.matches(5, len, 0, &message));
            // In any parts, as bare bytes come.
            for cut in 0..=len {
                let (first, rest) = message.split_at(cut);
                assert!(payloads.matches(5, len, 0, first), "{cut} of {len}");
                assert!(payloads.matches(5, len, cut, rest), "{cut} of {len}");
            }
            for byte in 0..len {
                let mut wrong = message.clone();
                wrong[byte] ^= 1;
                assert!(!payloads.matches(5, len, 0, &wrong), "{byte} of {len}");
                assert!(!payloads.matches(5, len, byte, &wrong[byte..=byte]));
            }
            if len >= 2 {
                let others: HashSet<Vec<u8>> = (0..200)
                    .map(|sequence| payloads.message(sequence, len).to_vec())
                    .collect();
                assert!(others.len() > 190, "{} of 200 at {len}", others.len());
            }
        }
    }

    #[test]
    fn a_wrong_reply_is_identified() {
        let (mut ours, mut theirs) = (payloads(3), payloads(4));
        let id = |payloads: &Payloads, bytes: &[u8]| payloads.identify(bytes, 10, 6);
        let message = ours.message(5, 50).to_vec();
        assert_eq!(id(&ours, &message), Identity::OursWhole(5));
        assert_eq!(id(&ours, &message[..40]), Identity::OursWhole(5));
        let longer = [&message[..], b"x"].concat();
        assert_eq!(id(&ours, &longer), Identity::Ours(5));
        assert_eq!(id(&ours, &message[..11]), Identity::Unknown);
        assert_eq!(id(&ours, theirs.message(9, 50)), Identity::Foreign);
        let never_sent = ours.message(6, 50).to_vec();
        assert_eq!(id(&ours, &never_sent), Identity::Unknown);
        assert_eq!(id(&ours, payloads(10).message(1, 50)), Identity::Unknown);
    }

    #[test]
    fn entropy_is_the_share_of_random_bytes() {
        let runs = |entropy| {
            let body = body(64_000, 1, entropy);
            body.split(|byte| *byte == b'e').count() - 1
        };
        assert_eq!(runs(0.0), 64_000);
        assert!((31_000..34_000).contains(&runs(0.5)), "{}", runs(0.5));
        assert!(runs(1.0) < 1000);
        assert_eq!(body(100, 1, 0.7), body(100, 1, 0.7));
        assert_ne!(body(100, 1, 0.7), body(100, 2, 0.7));
    }
}
