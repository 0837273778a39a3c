//! Replies of raw bytes: where one ends is known from its message.

use super::Replies;
use crate::load::{
    failure::Failure,
    flight::Flight,
    payload::{Identity, MARK_LEN},
};

/// How far a reply of raw bytes has come.
#[derive(Debug, Default)]
pub(super) struct Partial {
    /// The message that it answers; `None` for the next one in order.
    sequence: Option<u64>,
    /// How many of its bytes have come and were right.
    arrived: usize,
    /// Its first bytes, if they are not those of the next message in order and
    /// do not tell yet which one they belong to.
    unknown: Vec<u8>,
}

impl Replies<'_> {
    /// Whether a part of a reply of raw bytes is there.
    pub(crate) const fn is_inside_reply(&self) -> bool {
        self.stream.arrived > 0 || !self.stream.unknown.is_empty()
    }

    /// Takes raw bytes, which come in any parts.
    pub(super) fn take_bytes(&mut self, bytes: &[u8], now_ns: u64) -> Result<(), Failure> {
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = if self.stream.unknown.is_empty() {
                self.take_part(rest, now_ns)?
            } else {
                self.find_place(rest, now_ns)?
            };
        }
        Ok(())
    }

    /// Takes the bytes of one reply and returns those after them.
    fn take_part<'b>(&mut self, bytes: &'b [u8], now_ns: u64) -> Result<&'b [u8], Failure> {
        let position = match self.stream.sequence {
            Some(sequence) => self.position(sequence),
            None => Some(self.next()),
        };
        let flight = position.and_then(|position| self.in_flight.get(position).copied());
        let (Some(position), Some(flight)) = (position, flight) else {
            return Err(self.surplus(bytes));
        };
        let arrived = self.stream.arrived;
        let (part, after) = bytes.split_at(bytes.len().min(flight.len - arrived));
        let Flight { sequence, len, .. } = flight;
        if self.rules.verify && !self.payloads.matches(sequence, len, arrived, part) {
            if arrived >= MARK_LEN.min(len) || self.stream.sequence.is_some() {
                return Err(Failure::Corrupt);
            }
            // It may be another's. What has come before is what was expected.
            let (mark, _) = self.payloads.message(sequence, len);
            self.stream = Partial::default();
            self.stream.unknown.extend(mark.iter().take(arrived));
            return self.find_place(bytes, now_ns);
        }
        self.arrive(position, len, arrived + part.len(), now_ns);
        Ok(after)
    }

    /// The first `arrived` of `len` bytes of a reply have come.
    fn arrive(&mut self, position: usize, len: usize, arrived: usize, now_ns: u64) {
        self.stream.arrived = arrived;
        if arrived == len {
            self.stream = Partial::default();
            self.complete(position, now_ns);
        }
    }

    /// Finds out which message the bytes answer that are not those of the next
    /// one in order, and returns the bytes after its mark.
    fn find_place<'b>(&mut self, bytes: &'b [u8], now_ns: u64) -> Result<&'b [u8], Failure> {
        let next = self.in_flight.get(self.next());
        let next_len = next.map_or(MARK_LEN, |flight| flight.len);
        let unknown = &mut self.stream.unknown;
        let missing = MARK_LEN.min(next_len).saturating_sub(unknown.len());
        let (first, after) = bytes.split_at(bytes.len().min(missing));
        unknown.extend_from_slice(first);
        if first.len() < missing {
            return Ok(after);
        }
        let mark = std::mem::take(unknown);
        let position = match self.payloads.identify(&mark) {
            Identity::Ours(sequence) => self.position(sequence),
            _ => self.position_by_bytes(&mark),
        };
        let Some(flight) = position.and_then(|position| self.in_flight.get(position)) else {
            return Err(self.surplus(&mark));
        };
        self.stream.sequence = Some(flight.sequence);
        self.arrive(position.unwrap_or_default(), flight.len, mark.len(), now_ns);
        Ok(after)
    }

    /// What bytes are that answer nothing in flight. Where they end is not
    /// known, so the connection cannot go on.
    fn surplus(&self, bytes: &[u8]) -> Failure {
        match self.payloads.identify(bytes) {
            Identity::Ours(_) => Failure::Duplicate,
            Identity::OtherConnection => Failure::OtherConnection,
            Identity::Unknown if self.is_last(bytes) => Failure::Duplicate,
            Identity::Unknown if self.in_flight.is_empty() => Failure::Extra,
            Identity::Unknown => Failure::Corrupt,
        }
    }
}
