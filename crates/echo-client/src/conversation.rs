//! Sending, receiving, checking and printing.

use std::{
    collections::VecDeque,
    io,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail};
use cli::format::plural;
use proto::{Batch, Error, Escaped, Foreign, HEADER_LEN, Header, Reader, Received, Wire, Writer};
use transport::{Heartbeat, Liveness, Ready, Stream};

use crate::args::{SendMode, SendPlan};

/// How many bytes may be due before the next message is sent, so that a server
/// that reads and never answers is noticed, and costs no more than that.
/// Sockets seldom hold as much.
const MAX_DUE: usize = 16 << 20;

/// Sends all messages, prints all replies.
pub(crate) fn run(plan: &SendPlan, stream: &Stream) -> Result<()> {
    stream.set_write_timeout(Some(plan.client.timeout))?;
    let mut conversation = Conversation::new(plan, stream);
    let write_buffer = plan.client.write_buffer.unwrap_or(0);
    let mut writer = Writer::new(plan.client.wire);
    for i in 1..=plan.count {
        writer.add(&plan.message(i))?;
        let waits = plan.mode == SendMode::AfterReply;
        if waits || i == plan.count || writer.as_bytes().len() >= write_buffer {
            conversation.send(writer.as_bytes())?;
            writer.clear();
        }
        if waits {
            conversation.receive_all()?;
        }
        while conversation.due.len() > MAX_DUE && conversation.is_reply_due() {
            conversation.receive()?;
        }
    }
    conversation.receive_all()?;
    let Conversation { reads, writes, .. } = conversation;
    tracing::info!(
        "{} in {} and {}",
        plural(plan.count, "message"),
        plural(writes, "write"),
        plural(reads, "read"),
    );
    Ok(())
}

struct Conversation<'a> {
    plan: &'a SendPlan,
    stream: &'a Stream,
    reader: Reader,
    /// What was sent and has not come back. An echo returns the very bytes,
    /// so this is also what to expect.
    due: VecDeque<u8>,
    shown: Shown,
    /// When the last message was sent or returned.
    waiting_since: Instant,
    heartbeat: Heartbeat,
    /// Whether a part of a message is sent and the rest is not.
    is_sending: bool,
    reads: u64,
    writes: u64,
}

impl<'a> Conversation<'a> {
    fn new(plan: &'a SendPlan, stream: &'a Stream) -> Self {
        Self {
            plan,
            stream,
            reader: Reader::new(plan.client.wire).max_read(plan.client.read_buffer),
            due: VecDeque::new(),
            shown: Shown::default(),
            waiting_since: Instant::now(),
            heartbeat: Heartbeat::new(plan.client.heartbeat, Instant::now()),
            is_sending: false,
            reads: 0,
            writes: 0,
        }
    }

    /// Sends messages, and reads whenever something comes while the way out is
    /// full: else both sides could wait for each other for ever.
    fn send(&mut self, messages: &[u8]) -> Result<()> {
        let mut rest = messages;
        self.waiting_since = Instant::now();
        while !rest.is_empty() {
            self.is_sending = true;
            match self.stream.write_now(rest) {
                Ok(written) => {
                    self.waiting_since = Instant::now();
                    let (now_due, unsent) = rest.split_at_checked(written).unwrap_or((rest, &[]));
                    self.due.extend(now_due);
                    self.writes += 1;
                    rest = unsent;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let now = Instant::now();
                    self.ping_if_due(now)?;
                    let (wait, left) = self.patience(now);
                    if left.is_zero() {
                        return Err(self.failed("sending", io::ErrorKind::TimedOut.into()));
                    }
                    match self.stream.wait(true, wait) {
                        Ok(Ready::Read) => self.receive()?,
                        Ok(Ready::Write | Ready::Neither) => {}
                        Err(error) => return Err(self.failed("sending", error)),
                    }
                }
                Err(error) => return Err(self.failed("sending", error)),
            }
        }
        self.is_sending = false;
        Ok(())
    }

    /// Whether a reply can come: raw bytes come back as they go out, a frame
    /// once it is whole. The echo of a heartbeat is no reply.
    fn is_reply_due(&self) -> bool {
        let Wire::Framed(framing) = self.plan.client.wire else {
            return !self.due.is_empty();
        };
        let mut due = self.due.iter().copied();
        while due.len() >= HEADER_LEN {
            let header = std::array::from_fn(|_| due.next().unwrap_or_default());
            match Header::decode(header, framing) {
                Ok(Header { len: 0, .. }) => {}
                Ok(Header { len, .. }) => return due.len() >= len as usize,
                // It is our own frame, so this does not happen.
                Err(_) => return true,
            }
        }
        false
    }

    /// Reads until every message is back. The echo of a heartbeat may be late.
    fn receive_all(&mut self) -> Result<()> {
        self.waiting_since = Instant::now();
        while self.is_reply_due() {
            self.receive()?;
        }
        Ok(())
    }

    /// Reads once, checks what came and prints it; or returns when it is time
    /// for a heartbeat.
    fn receive(&mut self) -> Result<()> {
        let host = &self.plan.client.dialer.host;
        let now = Instant::now();
        self.ping_if_due(now)?;
        let (wait, left) = self.patience(now);
        // Zero would mean no timeout at all.
        self.stream
            .set_read_timeout(Some(wait.max(Duration::from_millis(1))))?;
        let mut stream = self.stream;
        if !self.plan.client.spin.is_zero() {
            stream.spin(self.plan.client.spin.min(wait))?;
        }
        let reply = self.shown.replies + 1;
        let batch = match self.reader.read(&mut stream) {
            Ok(Received::Batch(batch)) => batch,
            Ok(Received::Closed) => {
                bail!("{host} closed the connection before reply {reply}; its log says why")
            }
            Err(Error::Io(error)) if transport::is_timeout(&error) && wait < left => {
                return Ok(());
            }
            Err(Error::Io(error)) => return Err(self.failed("waiting for a reply", error)),
            Err(error) => {
                return Err(error).with_context(|| format!("reply {reply} from {host}"));
            }
        };
        self.reads += 1;
        if batch.is_empty() {
            return Ok(());
        }
        let now = Instant::now();
        self.heartbeat.heard(now);
        check(&mut self.due, batch).with_context(|| format!("{host} is not an echo server"))?;
        // A part of a reply does not make the rest of it wait longer.
        if self.plan.mode == SendMode::NoWait || self.due.is_empty() {
            self.waiting_since = now;
        }
        self.shown.print(self.plan, batch)?;
        if self.due.is_empty() {
            self.shown.end_of_reply()?;
        }
        Ok(())
    }

    /// How long to wait until it is time for a heartbeat or to give up, and
    /// until it is time to give up.
    fn patience(&self, now: Instant) -> (Duration, Duration) {
        let waited = now.saturating_duration_since(self.waiting_since);
        let left = self.plan.client.timeout.saturating_sub(waited);
        let wait = self.heartbeat.wait(now).map_or(left, |wait| wait.min(left));
        (wait, left)
    }

    /// Sends a heartbeat if it is time for one, or gives the server up.
    fn ping_if_due(&mut self, now: Instant) -> Result<()> {
        match self.heartbeat.check(now) {
            Liveness::Alive => {}
            // In the middle of a message, its echo has to do as a sign of life.
            Liveness::Ping if self.is_sending => {}
            Liveness::Ping => {
                let mut heartbeat = Writer::new(self.plan.client.wire);
                heartbeat.add(&[])?;
                let mut stream = self.stream;
                self.due.extend(heartbeat.as_bytes());
                heartbeat
                    .write_to(&mut stream)
                    .map_err(|error| self.failed("sending a heartbeat", error))?;
                tracing::debug!("heartbeat sent");
            }
            Liveness::Dead(timeout) => {
                let host = &self.plan.client.dialer.host;
                return Err(timeout).with_context(|| format!("{host} is dead"));
            }
        }
        Ok(())
    }

    fn failed(&self, doing: &str, error: io::Error) -> anyhow::Error {
        let (host, timeout) = (&self.plan.client.dialer.host, self.plan.client.timeout);
        if transport::is_timeout(&error) {
            anyhow!(
                "{doing}: nothing from {host} within {timeout:?}; does it use the same mode (--raw)?"
            )
        } else {
            anyhow::Error::new(error).context(format!("{doing}: lost {host}"))
        }
    }
}

/// Replies as they are printed.
#[derive(Default)]
struct Shown {
    /// Of raw bytes, reads.
    replies: u64,
    /// The part of a reply that has arrived, until it is whole.
    part: Vec<u8>,
    /// What compressed payloads decompress to.
    scratch: Vec<u8>,
}

impl Shown {
    /// Prints what one read brought; the parts of a reply of raw bytes at its
    /// end.
    fn print(&mut self, plan: &SendPlan, batch: Batch<'_>) -> Result<()> {
        let wire = plan.client.wire;
        if plan.mode == SendMode::NoWait {
            let bytes = batch.as_bytes().len();
            match wire {
                Wire::Framed(_) => tracing::info!("read {bytes} bytes: {} frames", batch.len()),
                Wire::Raw => tracing::info!("read {bytes} bytes"),
            }
        }
        for frame in batch.frames() {
            let payload = frame.payload(&mut self.scratch)?;
            if payload.is_empty() {
                continue; // the echo of a heartbeat
            }
            self.replies += 1;
            match (plan.mode, wire) {
                (SendMode::AfterReply, Wire::Raw) => self.part.extend_from_slice(payload),
                _ => cli::print(Escaped(payload))?,
            }
        }
        Ok(())
    }

    fn end_of_reply(&mut self) -> Result<()> {
        if !self.part.is_empty() {
            cli::print(Escaped(&self.part))?;
            self.part.clear();
        }
        Ok(())
    }
}

/// Takes what came back off what is due.
fn check(due: &mut VecDeque<u8>, batch: Batch<'_>) -> Result<()> {
    let came = batch.as_bytes();
    if came.len() > due.len() {
        bail!("it returned {} bytes too many", came.len() - due.len());
    }
    let sent: Vec<u8> = due.drain(..came.len()).collect();
    match std::iter::zip(&sent, came).position(|(sent, came)| sent != came) {
        None => Ok(()),
        Some(at) => {
            let speaks = came
                .first_chunk()
                .and_then(|first| Foreign::detect(*first))
                .map_or_else(String::new, |foreign| format!("; it speaks {foreign}"));
            bail!(
                "it returned {} where {} was sent{speaks}",
                Escaped(beginning(&came[at..])),
                Escaped(beginning(&sent[at..])),
            )
        }
    }
}

/// As much of a message as an error can show.
fn beginning(bytes: &[u8]) -> &[u8] {
    bytes.get(..40).unwrap_or(bytes)
}
