//! One connection's closed loop: send, wait for the reply, check it, again.

use std::{
    io::{self, Write},
    time::{Duration, Instant},
};

use anyhow::Result;
use proto::{Batch, Error, FrameError, HEADER_LEN, Reader, Received, Wire};
use transport::{Liveness, Ready, Stream, Vitality};

use crate::{args::Plan, stats::Failure};

/// The empty frame, which the server echoes like any other.
const HEARTBEAT: [u8; HEADER_LEN] = [0; HEADER_LEN];

/// A connection that sends one message over and over.
pub(crate) struct Connection<'a> {
    stream: &'a Stream,
    plan: &'a Plan,
    /// Longest wait before the time is checked.
    wait: Duration,
    reader: Reader,
    liveness: Liveness,
    /// Heartbeats sent whose echo has not come.
    echoes_due: u64,
    /// System calls that sent something.
    pub(crate) writes: u64,
    /// System calls that brought something.
    pub(crate) reads: u64,
}

impl<'a> Connection<'a> {
    pub(crate) fn new(stream: &'a Stream, plan: &'a Plan) -> Result<Self> {
        let wait = plan.heartbeat.unwrap_or(plan.timeout).min(plan.timeout);
        stream.set_read_timeout(Some(wait))?;
        stream.set_write_timeout(Some(wait))?;
        Ok(Self {
            stream,
            plan,
            wait,
            reader: Reader::new(plan.wire, plan.read_buffer),
            liveness: Liveness::new(plan.heartbeat, Instant::now()),
            echoes_due: 0,
            writes: 0,
            reads: 0,
        })
    }

    /// Sends the message at `start`, which is now and when the last reply
    /// came, and returns when its whole reply is there and right.
    pub(crate) fn round_trip(&mut self, start: Instant) -> Result<(), Failure> {
        self.liveness.heard(start);
        let mut unsent = self.plan.message.as_slice();
        let mut reply = Reply::to(&self.plan.payload, &self.plan.message);
        loop {
            if !unsent.is_empty() {
                let sent = self.send(unsent)?;
                self.writes += u64::from(sent > 0);
                unsent = unsent.get(sent..).unwrap_or_default();
            }
            // The way out is full: bare bytes are on the way in then.
            if !unsent.is_empty() && !self.has_something_to_read()? {
                self.check_time(start, &reply, false)?;
                continue;
            }
            let mut stream = self.stream;
            match self.reader.read(&mut stream) {
                Ok(Received::Batch(batch)) => {
                    self.reads += 1;
                    if reply.take(batch, self.plan.wire, &mut self.echoes_due)? {
                        return reply.verdict();
                    }
                    if !batch.is_empty() {
                        self.liveness.heard(Instant::now());
                    }
                }
                Ok(Received::Closed) => return Err(reply.closed()),
                Err(Error::Io(error)) if transport::is_timeout(&error) => {}
                Err(error) => return Err(failure_of(&error)),
            }
            self.check_time(start, &reply, unsent.is_empty())?;
        }
    }

    /// Ends a round trip that takes too long: the socket's timeout starts
    /// again at every byte, the deadline does not. Sends a heartbeat if it is
    /// time for one, or gives the server up; in the middle of a message nothing
    /// can be sent, and its echo has to do.
    fn check_time(
        &mut self,
        start: Instant,
        reply: &Reply<'_>,
        is_between_messages: bool,
    ) -> Result<(), Failure> {
        let now = Instant::now();
        if now.duration_since(start) >= self.plan.timeout {
            return Err(reply.timed_out());
        }
        match self.liveness.check(now) {
            Vitality::Ask if is_between_messages => {
                let mut stream = self.stream;
                self.echoes_due += 1;
                stream.write_all(&HEARTBEAT).map_err(|_| Failure::Lost)
            }
            Vitality::Alive | Vitality::Ask => Ok(()),
            Vitality::Dead(_) => Err(Failure::Dead),
        }
    }

    /// Sends what the socket takes; zero means that the way out is full.
    fn send(&self, bytes: &[u8]) -> Result<usize, Failure> {
        loop {
            match self.stream.write_now(bytes) {
                Ok(sent) => return Ok(sent),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if transport::is_timeout(&error) => return Ok(0),
                Err(_) => return Err(Failure::Lost),
            }
        }
    }

    /// Waits until there is room to send or something to read, and says which.
    fn has_something_to_read(&self) -> Result<bool, Failure> {
        let ready = self.stream.wait(true, self.wait);
        Ok(ready.map_err(|_| Failure::Lost)? == Ready::Read)
    }
}

/// A reply that is arriving.
struct Reply<'a> {
    /// The part of the payload that is still to come.
    payload: &'a [u8],
    /// The whole reply on the wire: an echo returns the very bytes.
    raw: &'a [u8],
    began: bool,
    wrong: bool,
}

impl<'a> Reply<'a> {
    const fn to(payload: &'a [u8], raw: &'a [u8]) -> Self {
        Self {
            payload,
            raw,
            began: false,
            wrong: false,
        }
    }

    /// Takes what one read brought; `true` once the reply is whole. Echoes of
    /// heartbeats are no replies.
    fn take(
        &mut self,
        batch: Batch<'_>,
        wire: Wire,
        echoes_due: &mut u64,
    ) -> Result<bool, Failure> {
        let is_first_part = !std::mem::replace(&mut self.began, true);
        if batch.raw() == self.raw && (is_first_part || wire != Wire::Raw) {
            return Ok(true);
        }
        let mut scratch = Vec::new();
        let mut replies = batch.frames().filter(|frame| {
            let is_echo = *echoes_due > 0 && frame.is_empty();
            *echoes_due -= u64::from(is_echo);
            !is_echo
        });
        let Some(frame) = replies.next() else {
            return Ok(false);
        };
        if replies.next().is_some() {
            return Err(Failure::Extra);
        }
        let came = frame.payload(&mut scratch);
        let (expected, rest) = self
            .payload
            .split_at_checked(came.len())
            .ok_or(Failure::Extra)?;
        self.wrong |= came != expected;
        self.payload = rest;
        match wire {
            Wire::Framed(_) if !rest.is_empty() => Err(Failure::Short),
            _ => Ok(rest.is_empty()),
        }
    }

    fn verdict(&self) -> Result<(), Failure> {
        if self.wrong {
            Err(Failure::Wrong)
        } else {
            Ok(())
        }
    }

    fn timed_out(&self) -> Failure {
        if self.began {
            Failure::Short
        } else {
            Failure::Timeout
        }
    }

    fn closed(&self) -> Failure {
        if self.began {
            Failure::Short
        } else {
            Failure::Closed
        }
    }
}

fn failure_of(error: &Error) -> Failure {
    match error {
        Error::Io(_) => Failure::Lost,
        Error::Refused {
            error: FrameError::BadChecksum { .. } | FrameError::BadCompression { .. },
            ..
        } => Failure::Corrupt,
        Error::Refused { .. } => Failure::NoFrame,
        Error::Truncated { .. } => Failure::Short,
    }
}
