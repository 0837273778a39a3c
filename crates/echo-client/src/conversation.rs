//! Sending, receiving, checking and printing.

use std::{
    collections::VecDeque,
    io::{self, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail};
use proto::{Batch, Error, Escaped, Reader, Received, Wire, Writer};
use transport::cli;

use crate::args::{Pace, Plan};

/// Most bytes that one read takes.
const READ_SIZE: usize = 64 * 1024;

/// Sends all messages, prints all replies.
pub(crate) fn run(plan: &Plan, stream: &TcpStream) -> Result<()> {
    let mut conversation = Conversation {
        plan,
        stream,
        reader: Reader::new(plan.wire, READ_SIZE),
        due: VecDeque::new(),
        sent: 0,
        returned: 0,
        reply: Vec::new(),
        scratch: Vec::new(),
        waiting_since: Instant::now(),
    };
    for i in 1..=plan.count {
        conversation.send(&plan.message(i))?;
        if plan.pace == Pace::AfterReply {
            conversation.receive_all()?;
        }
    }
    conversation.receive_all()
}

struct Conversation<'a> {
    plan: &'a Plan,
    stream: &'a TcpStream,
    reader: Reader,
    /// What was sent and has not come back. An echo returns the very bytes,
    /// so this is also what to expect.
    due: VecDeque<u8>,
    /// Messages wholly sent.
    sent: u64,
    /// Messages returned; of bare bytes, reads.
    returned: u64,
    /// The part of a reply that has arrived, until it is whole.
    reply: Vec<u8>,
    /// What compressed payloads decompress to.
    scratch: Vec<u8>,
    /// When the last message was sent or returned.
    waiting_since: Instant,
}

impl Conversation<'_> {
    /// Sends one message, and reads whenever the way out is full while a
    /// reply can come: else both sides could wait for each other for ever.
    fn send(&mut self, message: &[u8]) -> Result<()> {
        let mut writer = Writer::new(self.plan.wire);
        writer.add(message)?;
        let mut rest = writer.raw();
        self.stream.set_write_timeout(Some(self.plan.timeout))?;
        self.waiting_since = Instant::now();
        while !rest.is_empty() {
            let mut stream = self.stream;
            let written = match transport::write_now(stream, rest) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if self.is_reply_due() {
                        self.receive()?;
                        continue;
                    }
                    // Nothing comes back before the server has more.
                    stream.write(rest)
                }
                other => other,
            };
            let written = written.map_err(|error| self.failed("sending", error))?;
            let (now_due, unsent) = rest.split_at_checked(written).unwrap_or((rest, &[]));
            self.due.extend(now_due);
            rest = unsent;
        }
        self.sent += 1;
        Ok(())
    }

    fn is_reply_due(&self) -> bool {
        match self.plan.wire {
            Wire::Framed(_) => self.returned < self.sent,
            Wire::Raw => !self.due.is_empty(),
        }
    }

    /// Reads until everything that was sent is back.
    fn receive_all(&mut self) -> Result<()> {
        self.waiting_since = Instant::now();
        while !self.due.is_empty() {
            self.receive()?;
        }
        Ok(())
    }

    /// Reads once, checks what came and prints it.
    fn receive(&mut self) -> Result<()> {
        let left = self
            .plan
            .timeout
            .saturating_sub(self.waiting_since.elapsed());
        // Zero would mean no timeout at all.
        self.stream
            .set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
        let mut stream = self.stream;
        let host = &self.plan.host;
        let batch = match self.reader.read(&mut stream) {
            Ok(Received::Batch(batch)) => batch,
            Ok(Received::Closed) => bail!(
                "{host} closed the connection before reply {}; does it speak the same (--raw)?",
                self.returned + 1
            ),
            Err(Error::Io(error)) => return Err(self.failed("waiting for a reply", error)),
            Err(error) => {
                let reply = self.returned + 1;
                return Err(error).with_context(|| format!("reply {reply} from {host}"));
            }
        };
        if batch.is_empty() {
            return Ok(());
        }
        self.waiting_since = Instant::now();
        self.returned += batch.len() as u64;
        check(&mut self.due, batch).with_context(|| format!("{host} is no echo server"))?;
        match self.plan.pace {
            Pace::NoWait => {
                let bytes = batch.raw().len();
                match self.plan.wire {
                    Wire::Framed(_) => tracing::info!("read {bytes} bytes: {} frames", batch.len()),
                    Wire::Raw => tracing::info!("read {bytes} bytes"),
                }
                for frame in batch.frames() {
                    cli::print(Escaped(frame.payload(&mut self.scratch)))?;
                }
            }
            Pace::AfterReply => {
                for frame in batch.frames() {
                    self.reply
                        .extend_from_slice(frame.payload(&mut self.scratch));
                }
                if self.due.is_empty() {
                    cli::print(Escaped(&self.reply))?;
                    self.reply.clear();
                }
            }
        }
        Ok(())
    }

    fn failed(&self, doing: &str, error: io::Error) -> anyhow::Error {
        let Plan { host, timeout, .. } = self.plan;
        if transport::is_timeout(&error) {
            anyhow!(
                "{doing}: nothing from {host} within {timeout:?}; does it speak the same (--raw)?"
            )
        } else {
            anyhow::Error::new(error).context(format!("{doing}: lost {host}"))
        }
    }
}

/// Takes what came back off what is due.
fn check(due: &mut VecDeque<u8>, batch: Batch<'_>) -> Result<()> {
    let came = batch.raw();
    if came.len() > due.len() {
        bail!("it returned {} bytes too many", came.len() - due.len());
    }
    let sent: Vec<u8> = due.drain(..came.len()).collect();
    if sent != came {
        bail!("it returned {} for {}", Escaped(came), Escaped(&sent));
    }
    Ok(())
}
