//! One connection's closed loop: send, wait for the reply, check it, again.

use std::{
    io::{self, Write},
    net::TcpStream,
    time::Instant,
};

use anyhow::Result;
use proto::{Batch, Error, FrameError, Reader, Received, Wire};

use crate::{args::Plan, stats::Failure};

/// Most bytes that one read takes.
const READ_SIZE: usize = 64 * 1024;

/// A connection that sends one message over and over.
pub(crate) struct Connection<'a> {
    stream: &'a TcpStream,
    plan: &'a Plan,
    reader: Reader,
}

impl<'a> Connection<'a> {
    pub(crate) fn new(stream: &'a TcpStream, plan: &'a Plan) -> Result<Self> {
        stream.set_read_timeout(Some(plan.timeout))?;
        stream.set_write_timeout(Some(plan.timeout))?;
        Ok(Self {
            stream,
            plan,
            reader: Reader::new(plan.wire, READ_SIZE),
        })
    }

    /// Sends the message at `start`, which is now, and returns when its whole
    /// reply is there and right.
    pub(crate) fn round_trip(&mut self, start: Instant) -> Result<(), Failure> {
        let mut unsent = self.plan.message.as_slice();
        let mut reply = Reply::to(&self.plan.payload, &self.plan.message);
        loop {
            if !unsent.is_empty() {
                let sent = self.send(unsent)?;
                unsent = unsent.get(sent..).unwrap_or_default();
                if sent > 0 && !unsent.is_empty() {
                    continue;
                }
            }
            let mut stream = self.stream;
            match self.reader.read(&mut stream) {
                Ok(Received::Batch(batch)) => {
                    if reply.take(batch, self.plan.wire)? {
                        return reply.verdict();
                    }
                }
                Ok(Received::Closed) => return Err(reply.closed()),
                Err(error) => return Err(reply.failed(&error)),
            }
            // Bytes came and the reply is not whole: the socket's timeout
            // starts again at each of them, the deadline does not.
            if start.elapsed() > self.plan.timeout {
                return Err(reply.timed_out());
            }
        }
    }

    /// Sends what the socket takes. Zero means that the way out is full and
    /// that replies are on the way in.
    fn send(&self, bytes: &[u8]) -> Result<usize, Failure> {
        let mut stream = self.stream;
        let sent = match self.plan.wire {
            // A frame comes back once it is whole: nothing to read before.
            Wire::Framed(_) => stream.write(bytes),
            // Bare bytes come back as they go out.
            Wire::Raw => transport::write_now(stream, bytes),
        };
        match sent {
            Ok(sent) => Ok(sent),
            Err(error) if self.plan.wire == Wire::Raw && transport::is_timeout(&error) => Ok(0),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(0),
            Err(error) if transport::is_timeout(&error) => Err(Failure::Timeout),
            Err(_) => Err(Failure::Lost),
        }
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

    /// Takes what one read brought; `true` once the reply is whole.
    fn take(&mut self, batch: Batch<'_>, wire: Wire) -> Result<bool, Failure> {
        let is_first_part = !std::mem::replace(&mut self.began, true);
        if batch.raw() == self.raw && (is_first_part || wire != Wire::Raw) {
            return Ok(true);
        }
        let mut frames = batch.frames();
        let Some(frame) = frames.next() else {
            return Ok(false);
        };
        if frames.next().is_some() {
            return Err(Failure::Extra);
        }
        let mut scratch = Vec::new();
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

    fn failed(&self, error: &Error) -> Failure {
        match error {
            Error::Io(error) if transport::is_timeout(error) => self.timed_out(),
            Error::Io(_) => Failure::Lost,
            Error::Refused { error, .. } if is_corruption(error) => Failure::Corrupt,
            Error::Refused { .. } => Failure::NoFrame,
            Error::Truncated { .. } => Failure::Short,
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

/// Whether a frame came that was changed on its way.
const fn is_corruption(error: &FrameError) -> bool {
    matches!(
        error,
        FrameError::BadChecksum { .. } | FrameError::BadCompression { .. }
    )
}
