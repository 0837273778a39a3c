//! Replies that are frames: each is whole, and says which message it answers.

use std::cmp::Ordering;

use proto::Batch;

use super::Replies;
use crate::load::{failure::Failure, payload::Identity};

impl Replies<'_> {
    pub(super) fn take_frames(&mut self, batch: &Batch<'_>, now_ns: u64) -> Result<(), Failure> {
        let mut scratch = std::mem::take(&mut self.scratch);
        for frame in batch.frames() {
            if self.echoes_due > 0 && frame.is_empty() {
                self.echoes_due -= 1;
            } else if self.rules.verify {
                // Fails when memory runs out.
                let payload = frame.payload(&mut scratch);
                self.take_reply(payload.map_err(|_| Failure::IoError)?, now_ns);
            } else {
                self.take_unverified(frame.payload_len(), now_ns);
            }
        }
        self.scratch = scratch;
        Ok(())
    }

    /// Takes a reply of which only the length is checked: the next in order.
    fn take_unverified(&mut self, len: usize, now_ns: u64) {
        let expected = self.in_flight.front().map(|flight| flight.len);
        let failure = match expected.map(|expected| len.cmp(&expected)) {
            Some(Ordering::Equal) => return self.complete(0, now_ns),
            Some(Ordering::Less) => Failure::Short,
            Some(Ordering::Greater) | None => Failure::Extra,
        };
        self.fail(0, now_ns);
        self.failures.add(failure);
    }

    fn take_reply(&mut self, payload: &[u8], now_ns: u64) {
        let next = self.next();
        if let Some(flight) = self.in_flight.get(next)
            && self.is_reply_to(flight, payload)
        {
            return self.complete(next, now_ns);
        }
        if let Some(failure) = self.misfit(payload, now_ns) {
            self.failures.add(failure);
        }
    }

    /// Takes a reply that is not the next in order, and says what is wrong
    /// with it; `None` when its message is counted as failed already, or when
    /// the server has passed over others.
    fn misfit(&mut self, payload: &[u8], now_ns: u64) -> Option<Failure> {
        let identity = self.payloads.identify(payload);
        let position = match identity {
            Identity::Ours(sequence) => self.position(sequence),
            _ => self.position_by_bytes(payload),
        };
        if let Some(position) = position {
            return self.out_of_order(position, payload, now_ns);
        }
        if self.is_settled(payload) {
            return None;
        }
        match identity {
            Identity::Ours(sequence) if sequence < self.sent => Some(Failure::Duplicate),
            Identity::OtherConnection => {
                self.fail_next(now_ns);
                Some(Failure::OtherConnection)
            }
            _ if self.is_last(payload) => Some(Failure::Duplicate),
            _ => Some(self.unknown(payload, now_ns)),
        }
    }

    /// Takes the reply of the message at `position`, which is not the next in
    /// order or not as it should be.
    fn out_of_order(&mut self, position: usize, payload: &[u8], now_ns: u64) -> Option<Failure> {
        let flight = *self.in_flight.get(position)?;
        if self.is_reply_to(&flight, payload) {
            self.complete(position, now_ns);
            return None;
        }
        self.fail(position, now_ns);
        Some(match payload.len().cmp(&flight.len) {
            Ordering::Less => Failure::Short,
            Ordering::Equal => Failure::Corrupt,
            Ordering::Greater => Failure::Extra,
        })
    }

    /// Takes a reply that does not say what it answers: it stands where the
    /// next one in order should.
    fn unknown(&mut self, payload: &[u8], now_ns: u64) -> Failure {
        let Some(flight) = self.in_flight.get(self.next()).copied() else {
            return Failure::Extra;
        };
        let failure = match payload.len().cmp(&flight.len) {
            Ordering::Less => Failure::Short,
            Ordering::Equal => Failure::Corrupt,
            Ordering::Greater => Failure::Extra,
        };
        let is_begun = payload.get(..flight.len);
        let is_begun = is_begun.is_some_and(|beginning| self.is_reply_to(&flight, beginning));
        // Else it is junk, and the reply is still to come.
        if failure != Failure::Extra || is_begun {
            self.fail_next(now_ns);
        }
        failure
    }

    /// Takes the next message in order out of flight: what came in place of its
    /// reply is counted. Should the reply come all the same, it is not.
    fn fail_next(&mut self, now_ns: u64) {
        self.fail(self.next(), now_ns);
    }

    /// Whether this is the reply of a message that is counted as failed, the
    /// first to come.
    fn is_settled(&mut self, payload: &[u8]) -> bool {
        let mut settled = self.settled.iter();
        let position = settled.position(|flight| self.is_reply_to(flight, payload));
        position
            .and_then(|position| self.settled.remove(position))
            .is_some()
    }
}
