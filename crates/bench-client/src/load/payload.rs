//! The contents of messages: a reply identifies the message that it answers.

/// Bytes that say which message it is: the connection's number (3 bytes), the
/// sequence number (5) and a check over both (4), all big-endian.
pub(crate) const MARK_LEN: usize = 12;

/// Sequence numbers that a mark has room for; a connection that sends a
/// million messages per second gets there after twelve days.
const SEQUENCES: u64 = 1 << 40;

/// Connections of all ranks that a mark has room for.
pub(crate) const MAX_CONNECTIONS: u64 = 1 << 24;

/// A run of bytes that are as random as `--entropy` says: its first part is,
/// the rest repeats one byte. LZ4 finds the repetition whatever the length.
const BLOCK: usize = 64;

/// The payloads of one connection. All connections share one body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Payloads<'a> {
    /// Its number among those of all ranks: a rank takes the reply to another
    /// one's message for what it is.
    connection: u32,
    seed: u64,
    /// Every message is its mark and then these bytes, from [`MARK_LEN`] on.
    body: &'a [u8],
}

/// Whose mark a payload has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    /// That of this message of ours.
    Ours(u64),
    /// That of a message of another connection.
    OtherConnection,
    /// None: it is too short for one, or its check is wrong.
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

impl<'a> Payloads<'a> {
    pub(crate) const fn new(connection: u32, seed: u64, body: &'a [u8]) -> Self {
        Self {
            connection,
            seed,
            body,
        }
    }

    /// The mark of message `sequence`, and what follows it in a payload of
    /// `len` bytes. A payload shorter than the mark is the beginning of it.
    pub(crate) fn message(&self, sequence: u64, len: usize) -> ([u8; MARK_LEN], &'a [u8]) {
        let rest = self.body.get(MARK_LEN..len).unwrap_or_default();
        (self.mark(sequence, len), rest)
    }

    /// Whether `came` is a part of message `sequence` of `len` bytes, from its
    /// byte `at` on.
    pub(crate) fn matches(&self, sequence: u64, len: usize, at: usize, came: &[u8]) -> bool {
        let mark = self.mark(sequence, len);
        if let Some((first, rest)) = came.split_first_chunk::<MARK_LEN>()
            && at == 0
        {
            // A whole reply, or the beginning of a large one: the usual case.
            return *first == mark && self.body.get(MARK_LEN..came.len()) == Some(rest);
        }
        let of_mark = mark.get(at..len.min(MARK_LEN)).unwrap_or_default();
        let (first, rest) = came.split_at(of_mark.len().min(came.len()));
        let body = at + first.len()..at + came.len();
        of_mark.starts_with(first) && (rest.is_empty() || self.body.get(body) == Some(rest))
    }

    /// Says whose mark `came` begins with.
    pub(crate) fn identify(&self, came: &[u8]) -> Identity {
        let (Some(mark), Some(both)) = (came.first_chunk::<MARK_LEN>(), came.first_chunk()) else {
            return Identity::Unknown;
        };
        let both = u64::from_be_bytes(*both);
        let (connection, sequence) = (both / SEQUENCES, both % SEQUENCES);
        if *mark != full_mark(self.seed, connection, sequence) {
            Identity::Unknown
        } else if connection == u64::from(self.connection) {
            Identity::Ours(sequence)
        } else {
            Identity::OtherConnection
        }
    }

    /// The first bytes of message `sequence` of `len` bytes, as many as it has.
    fn mark(&self, sequence: u64, len: usize) -> [u8; MARK_LEN] {
        if len >= MARK_LEN {
            full_mark(self.seed, self.connection.into(), sequence)
        } else {
            self.short_mark(sequence)
        }
    }

    /// What stands in for a mark where there is no room for one. The first byte
    /// differs by two bits or more between any 128 messages in a row, so that a
    /// flipped bit does not turn one into another; the others are a check.
    fn short_mark(&self, sequence: u64) -> [u8; MARK_LEN] {
        let [.., low] = sequence.to_be_bytes();
        let counted = low << 1;
        let parity = u8::from(counted.count_ones() % 2 == 1);
        let own = mix(self.seed ^ mix(u64::from(self.connection)));
        let [first, ..] = own.to_be_bytes();
        let mut mark = [(counted | parity) ^ first; MARK_LEN];
        let check = mix(own ^ sequence).to_be_bytes();
        for (slot, byte) in mark.iter_mut().skip(1).zip(check.iter().cycle()) {
            *slot = *byte;
        }
        mark
    }
}

fn full_mark(seed: u64, connection: u64, sequence: u64) -> [u8; MARK_LEN] {
    let both = connection * SEQUENCES + sequence % SEQUENCES;
    let check = mix(seed ^ mix(both)) >> 32;
    let [_, _, _, _, mark @ ..] = (u128::from(both) << 32 | u128::from(check)).to_be_bytes();
    mark
}

/// Spreads a number over all 64 bits (the finalizer of `SplitMix64`).
const fn mix(number: u64) -> u64 {
    let a = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let b = (a ^ (a >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    b ^ (b >> 31)
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::HashSet;

    use super::*;

    /// The whole of a message, in one piece.
    pub(in crate::load) fn whole(payloads: &Payloads<'_>, sequence: u64, len: usize) -> Vec<u8> {
        let (mark, rest) = payloads.message(sequence, len);
        [mark.get(..len).unwrap_or(&mark), rest].concat()
    }

    fn payloads(connection: u32, body: &[u8]) -> Payloads<'_> {
        Payloads::new(connection, 7, body)
    }

    #[test]
    fn a_message_is_told_from_every_other() {
        let body = body(100, 7, 1.0);
        let payloads = payloads(3, &body);
        for len in [1, 2, 11, 12, 13, 100] {
            let message = whole(&payloads, 5, len);
            assert_eq!(message.len(), len);
            assert!(payloads.matches(5, len, 0, &message));
            // In any parts, as raw bytes come.
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
            let others: HashSet<Vec<u8>> = (0..128).map(|n| whole(&payloads, n, len)).collect();
            assert_eq!(others.len(), 128, "{len}");
        }
    }

    #[test]
    fn a_flipped_bit_makes_no_other_message() {
        let body = body(100, 7, 1.0);
        let payloads = payloads(3, &body);
        let all: HashSet<Vec<u8>> = (0..128).map(|n| whole(&payloads, n, 1)).collect();
        for message in &all {
            for bit in 0..8 {
                assert!(!all.contains(&vec![message[0] ^ 1 << bit]));
            }
        }
        let message = whole(&payloads, 5, 12);
        for bit in 0..8 * MARK_LEN {
            let mut wrong = message.clone();
            wrong[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(payloads.identify(&wrong), Identity::Unknown, "{bit}");
        }
    }

    #[test]
    fn a_reply_says_whose_it_is() {
        let body = body(100, 7, 1.0);
        let (ours, theirs) = (payloads(3, &body), payloads(400_000, &body));
        let large = 0x12_3456_789a;
        for (bytes, identity) in [
            (whole(&ours, 5, 50), Identity::Ours(5)),
            (whole(&ours, large, 12), Identity::Ours(large)),
            (whole(&theirs, 9, 50), Identity::OtherConnection),
            (whole(&ours, 5, 11), Identity::Unknown),
            (vec![0; 12], Identity::Unknown),
        ] {
            assert_eq!(ours.identify(&bytes), identity);
        }
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
