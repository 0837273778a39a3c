//! What is in flight on a connection, and what its replies are worth.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use proto::{Batch, Wire};

use super::{
    failure::{Failure, Failures},
    payload::{Identity, Payloads},
    recorder::{Recorder, Sample},
};

/// A message that was sent and not answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flight {
    pub(crate) sequence: u64,
    /// Bytes of payload, and on the wire.
    pub(crate) len: usize,
    pub(crate) wire_len: usize,
    pub(crate) intended: Instant,
    pub(crate) sent: Instant,
    /// Not in any figure.
    pub(crate) is_warmup: bool,
}

/// The replies of one connection.
pub(crate) struct Replies<'a> {
    pub(crate) payloads: Payloads,
    pub(crate) in_flight: VecDeque<Flight>,
    /// Sequence numbers given so far.
    pub(crate) sent: u64,
    /// Of bare bytes, how many of the first message in flight have come.
    arrived: usize,
    /// Heartbeats sent whose echo has not come.
    pub(crate) echoes_due: u64,
    pub(crate) failures: Failures,
    /// Right replies that count.
    pub(crate) right: u64,
    recorder: Recorder<'a>,
    /// Whether contents are looked at.
    verify: bool,
    connections: u64,
    /// What compressed payloads decompress to.
    scratch: Vec<u8>,
}

impl<'a> Replies<'a> {
    pub(crate) fn new(
        payloads: Payloads,
        recorder: Recorder<'a>,
        verify: bool,
        connections: u64,
    ) -> Self {
        Self {
            payloads,
            in_flight: VecDeque::new(),
            sent: 0,
            arrived: 0,
            echoes_due: 0,
            failures: Failures::default(),
            right: 0,
            recorder,
            verify,
            connections,
            scratch: Vec::new(),
        }
    }

    /// Takes what one read brought at `now`.
    ///
    /// # Errors
    ///
    /// A failure after which replies can no longer be told apart.
    pub(crate) fn take(
        &mut self,
        batch: &Batch<'_>,
        wire: Wire,
        now: Instant,
    ) -> Result<(), Failure> {
        match wire {
            Wire::Framed(_) => {
                let mut scratch = std::mem::take(&mut self.scratch);
                for frame in batch.frames() {
                    if self.echoes_due > 0 && frame.is_empty() {
                        self.echoes_due -= 1;
                    } else {
                        let payload = if self.verify {
                            Some(frame.payload(&mut scratch))
                        } else {
                            None
                        };
                        self.take_reply(payload, now);
                    }
                }
                self.scratch = scratch;
            }
            Wire::Raw => self.take_bytes(batch.raw(), now)?,
        }
        self.recorder.tick(now);
        Ok(())
    }

    pub(crate) fn flush(&mut self) {
        self.recorder.flush();
    }

    /// Whether a part of a reply is there.
    pub(crate) const fn is_inside_reply(&self) -> bool {
        self.arrived > 0
    }

    /// Takes a whole reply; `None` is one that nobody looks at.
    fn take_reply(&mut self, payload: Option<&[u8]>, now: Instant) {
        let Some(first) = self.in_flight.front() else {
            let failure = payload.map_or(Failure::Extra, |payload| self.surplus(payload));
            return self.failures.add(failure);
        };
        let is_right = payload.is_none_or(|payload| {
            payload.len() == first.len
                && self.payloads.matches(first.sequence, first.len, 0, payload)
        });
        if is_right {
            self.answered(now);
        } else {
            let failure = self.misfit(payload.unwrap_or_default());
            self.failures.add(failure);
        }
    }

    /// The first message in flight has its reply.
    fn answered(&mut self, now: Instant) {
        let Some(flight) = self.in_flight.pop_front() else {
            return;
        };
        let sample = Sample {
            uncorrected_ns: nanos(now.saturating_duration_since(flight.sent)),
            lag_ns: nanos(flight.sent.saturating_duration_since(flight.intended)),
            payload_bytes: u32::try_from(flight.len).unwrap_or(u32::MAX),
            wire_bytes: u32::try_from(flight.wire_len).unwrap_or(u32::MAX),
        };
        self.recorder.record(sample, flight.is_warmup);
        self.right += u64::from(!flight.is_warmup);
    }

    /// A reply to nothing.
    fn surplus(&self, payload: &[u8]) -> Failure {
        match self.identify(payload) {
            Identity::OursWhole(_) => Failure::Duplicate,
            Identity::Foreign => Failure::OtherConnection,
            Identity::Ours(_) | Identity::Unknown => Failure::Extra,
        }
    }

    /// A reply that is not that of the first message in flight. Whether one
    /// in flight has its answer by it is a guess at what the server meant:
    /// the wrong one, or none.
    fn misfit(&mut self, payload: &[u8]) -> Failure {
        let Some(first) = self.in_flight.front().copied() else {
            return Failure::Extra;
        };
        let identity = self.identify(payload);
        let failure = match identity {
            Identity::Ours(sequence) | Identity::OursWhole(sequence)
                if sequence < first.sequence =>
            {
                return Failure::Duplicate;
            }
            Identity::Ours(sequence) | Identity::OursWhole(sequence)
                if sequence > first.sequence =>
            {
                let position = self
                    .in_flight
                    .iter()
                    .position(|flight| flight.sequence == sequence);
                return match position.and_then(|position| self.in_flight.remove(position)) {
                    Some(_) => Failure::Reordered,
                    None => Failure::Duplicate,
                };
            }
            Identity::Foreign => Failure::OtherConnection,
            _ if payload.len() == first.len => Failure::Corrupt,
            _ if payload.len() < first.len => Failure::Short,
            _ if self.is_begun_by(&first, payload) => Failure::Extra,
            // Junk; the reply is still to come.
            _ => return Failure::Extra,
        };
        self.in_flight.pop_front();
        failure
    }

    /// Whether a reply that is too long begins as it should.
    fn is_begun_by(&self, flight: &Flight, payload: &[u8]) -> bool {
        let ours = payload.get(..flight.len).unwrap_or_default();
        self.payloads.matches(flight.sequence, flight.len, 0, ours)
    }

    fn identify(&self, payload: &[u8]) -> Identity {
        self.payloads.identify(payload, self.connections, self.sent)
    }

    /// Takes bare bytes, which come in any parts.
    fn take_bytes(&mut self, bytes: &[u8], now: Instant) -> Result<(), Failure> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let Some(first) = self.in_flight.front() else {
                return Err(Failure::Extra);
            };
            let (part, after) = rest.split_at(rest.len().min(first.len - self.arrived));
            if self.verify
                && !self
                    .payloads
                    .matches(first.sequence, first.len, self.arrived, part)
            {
                return Err(Failure::Corrupt);
            }
            self.arrived += part.len();
            if self.arrived == first.len {
                self.arrived = 0;
                self.answered(now);
            }
            rest = after;
        }
        Ok(())
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
