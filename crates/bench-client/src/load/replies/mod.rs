//! What is in flight on a connection, and the verification of its replies.
//!
//! Each message ends in one way: with a right reply, with a failure of its own,
//! or without a reply. A fault of the server is one failure, however many
//! messages are in flight: which message a reply answers is read from the reply.

use std::{collections::VecDeque, sync::Arc};

use bench_report::ConnectionOutcome;
use proto::{Batch, Wire};

mod bytes;
mod frames;

use bytes::Partial;

use super::{
    Link,
    failure::{Failure, Failures},
    flight::Flight,
    measured::Sample,
    payload::{MARK_LEN, Payloads},
    recorder::Recorder,
    slowest::Examiner,
    window::Window,
};

/// Messages counted as failed whose replies may still come; older ones are
/// forgotten.
const MAX_SETTLED: usize = 1024;

/// What a run asks of every reply.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) wire: Wire,
    /// Whether contents are compared.
    pub(crate) verify: bool,
    /// How long a reply may take.
    pub(crate) timeout_ns: u64,
}

/// The replies of one connection.
pub(crate) struct Replies<'a> {
    pub(crate) payloads: Payloads<'a>,
    rules: Rules,
    window: &'a Window,
    /// In the order of their sequence numbers.
    in_flight: VecDeque<Flight>,
    /// Of these, how many at the front were passed over: a later message was
    /// answered before them.
    passed_over: usize,
    /// Sequence numbers given so far.
    sent: u64,
    /// The last message answered.
    last: Option<Flight>,
    /// Messages that are counted as failed already: if their replies come after
    /// all, that is no further failure.
    settled: VecDeque<Flight>,
    stream: Partial,
    /// Heartbeats sent whose echo has not come.
    pub(crate) echoes_due: u64,
    pub(crate) failures: Failures,
    pub(crate) tally: ConnectionOutcome,
    recorder: Recorder<'a>,
    examiner: Option<Examiner<'a>>,
    /// What compressed payloads decompress to.
    scratch: Vec<u8>,
}

/// How a connection ends with messages in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FlightEnd {
    /// Their time was over.
    TimedOut,
    /// The connection was; its failure is counted.
    Lost,
    /// The user did not wait for them.
    Interrupted,
}

impl<'a> Replies<'a> {
    pub(crate) fn new(
        rules: Rules,
        payloads: Payloads<'a>,
        window: &'a Window,
        recorder: Recorder<'a>,
        examiner: Option<Examiner<'a>>,
    ) -> Self {
        Self {
            payloads,
            rules,
            window,
            in_flight: VecDeque::new(),
            passed_over: 0,
            sent: 0,
            last: None,
            settled: VecDeque::new(),
            stream: Partial::default(),
            echoes_due: 0,
            failures: Failures::default(),
            tally: ConnectionOutcome::default(),
            recorder,
            examiner,
            scratch: Vec::new(),
        }
    }

    /// Goes on with another connection, to which nothing was sent yet.
    pub(crate) fn go_on(&mut self, link: Arc<Link>) {
        self.settled.clear();
        (self.last, self.echoes_due) = (None, 0);
        if let Some(examiner) = &mut self.examiner {
            examiner.go_on(link);
        }
    }

    /// The sequence number of the next message.
    pub(crate) const fn next_sequence(&self) -> u64 {
        self.sent
    }

    /// Notes that the message with the next sequence number is under way.
    pub(crate) fn sent(&mut self, flight: Flight) {
        self.sent = flight.sequence + 1;
        self.in_flight.push_back(flight);
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// When the message was sent whose reply is next.
    pub(crate) fn waiting_since_ns(&self) -> Option<u64> {
        let next = self.in_flight.get(self.next());
        next.map(|flight| flight.sent_ns)
    }

    /// The position of the message whose reply is next in order; where all were
    /// passed over, of the first of them.
    fn next(&self) -> usize {
        if self.passed_over < self.in_flight.len() {
            self.passed_over
        } else {
            0
        }
    }

    /// Takes what one read brought at `now_ns`.
    ///
    /// # Errors
    ///
    /// A failure after which replies cannot be matched to messages.
    pub(crate) fn take(&mut self, batch: &Batch<'_>, now_ns: u64) -> Result<(), Failure> {
        match self.rules.wire {
            Wire::Framed(_) => self.take_frames(batch, now_ns)?,
            Wire::Raw => self.take_bytes(batch.as_bytes(), now_ns)?,
        }
        if self.passed_over > 0 {
            self.give_up_overdue(now_ns);
        }
        self.recorder.tick(now_ns);
        Ok(())
    }

    /// Gives up all that is still in flight, at the end of the connection.
    ///
    /// The latency of a message that failed is the timeout at least, for that
    /// long a client would have waited; of one that was interrupted nothing is
    /// known but its age.
    pub(crate) fn end(&mut self, now_ns: u64, ending: FlightEnd) {
        while let Some(flight) = self.in_flight.pop_front() {
            if ending == FlightEnd::TimedOut {
                self.failures.add(Failure::Timeout);
            }
            let least_ns = match ending {
                FlightEnd::Interrupted => 0,
                FlightEnd::TimedOut | FlightEnd::Lost => self.rules.timeout_ns,
            };
            self.unanswered(flight, least_ns, now_ns);
        }
        self.recorder.flush();
    }

    fn is_reply_to(&self, flight: &Flight, payload: &[u8]) -> bool {
        payload.len() == flight.len
            && self
                .payloads
                .matches(flight.sequence, flight.len, 0, payload)
    }

    /// Whether `payload` is the last reply once more.
    fn is_last(&self, payload: &[u8]) -> bool {
        self.last
            .is_some_and(|last| self.is_reply_to(&last, payload))
    }

    fn position(&self, sequence: u64) -> Option<usize> {
        self.in_flight
            .binary_search_by_key(&sequence, |flight| flight.sequence)
            .ok()
    }

    /// The message that has these bytes, where there is no room for a mark.
    fn position_by_bytes(&self, payload: &[u8]) -> Option<usize> {
        if payload.len() >= MARK_LEN {
            return None;
        }
        self.in_flight
            .iter()
            .position(|flight| self.is_reply_to(flight, payload))
    }

    /// The message at `position` has a right reply. If a later one was answered
    /// before it, that is a failure all the same.
    fn complete(&mut self, position: usize, now_ns: u64) {
        let is_late = position < self.passed_over;
        let Some(flight) = self.take_out(position, now_ns) else {
            return;
        };
        let is_inside = !is_late && self.window.contains(now_ns);
        let is_warmup = !self.window.counts(flight.intended_ns);
        self.recorder.record(Sample {
            uncorrected_ns: now_ns.saturating_sub(flight.sent_ns),
            lag_ns: flight.sent_ns.saturating_sub(flight.intended_ns),
            payload_bytes: u32::try_from(flight.len).unwrap_or(u32::MAX),
            wire_bytes: u32::try_from(flight.wire_len).unwrap_or(u32::MAX),
            is_warmup,
            is_inside,
        });
        self.examine(&flight, now_ns);
        self.tally.replies_in_window += u64::from(is_inside);
        if is_late {
            self.failures.add(Failure::Reordered);
        } else {
            self.tally.replies += u64::from(!is_warmup);
        }
        self.last = Some(flight);
    }

    /// A message will have no reply. It was waited for until `now_ns`, and would
    /// have been for `least_ns`.
    fn unanswered(&mut self, flight: Flight, least_ns: u64, now_ns: u64) {
        self.tally.in_flight_ns += self.window.overlap_ns(flight.sent_ns, now_ns);
        let is_warmup = !self.window.counts(flight.intended_ns);
        self.tally.unanswered += u64::from(!is_warmup);
        self.recorder.record(Sample {
            uncorrected_ns: now_ns.saturating_sub(flight.sent_ns).max(least_ns),
            lag_ns: flight.sent_ns.saturating_sub(flight.intended_ns),
            payload_bytes: 0,
            wire_bytes: 0,
            is_warmup,
            is_inside: false,
        });
        self.examine(&flight, now_ns);
    }

    /// Examines a message, if it is one of the slowest.
    fn examine(&mut self, flight: &Flight, now_ns: u64) {
        if let Some(examiner) = &mut self.examiner
            && self.window.counts(flight.intended_ns)
        {
            examiner.consider(flight, now_ns, || self.in_flight.back());
        }
    }

    /// Gives up messages that were passed over for longer than the timeout.
    fn give_up_overdue(&mut self, now_ns: u64) {
        while self.passed_over > 0
            && let Some(flight) = self.in_flight.front().copied()
            && now_ns.saturating_sub(flight.sent_ns) >= self.rules.timeout_ns
        {
            self.in_flight.pop_front();
            self.passed_over -= 1;
            self.settle(flight);
            self.failures.add(Failure::Timeout);
            self.unanswered(flight, self.rules.timeout_ns, now_ns);
        }
    }

    /// Takes the message at `position` out of flight; its failure is counted by
    /// the caller.
    fn fail(&mut self, position: usize, now_ns: u64) {
        if let Some(flight) = self.take_out(position, now_ns) {
            self.settle(flight);
        }
    }

    fn settle(&mut self, flight: Flight) {
        if self.settled.len() >= MAX_SETTLED {
            self.settled.pop_front();
        }
        self.settled.push_back(flight);
    }

    /// Takes the message at `position` out of flight; those before it are then
    /// passed over.
    fn take_out(&mut self, position: usize, now_ns: u64) -> Option<Flight> {
        let flight = if position == 0 {
            self.in_flight.pop_front()?
        } else {
            self.in_flight.remove(position)?
        };
        if position < self.passed_over {
            self.passed_over -= 1;
        } else {
            self.passed_over = position;
        }
        self.tally.in_flight_ns += self.window.overlap_ns(flight.sent_ns, now_ns);
        Some(flight)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
