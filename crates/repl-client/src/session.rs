//! The conversation between the user's lines and the server's replies.

use std::{
    fmt,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use cli::{format::Quantity, signals::Stop};
use proto::{Escaped, Wire, Writer};
use signal_hook::consts::SIGINT;
use transport::{Heartbeat, Liveness};

use crate::{
    args::SessionPlan,
    ended::Ended,
    flood::Flood,
    input::Input,
    lines::Line,
    network::Network,
    queue::{Event, EventQueue},
    tally::Tally,
    wire,
};

/// How often a waiting session checks for a signal.
const TICK: Duration = Duration::from_millis(100);

/// How much of an unsolicited reply is shown, in bytes.
const MAX_SHOWN: usize = 1000;

/// Runs until the user ends it or the server is lost.
pub(crate) fn run(
    plan: &SessionPlan,
    network: Network,
    input: Input,
    queue: &EventQueue,
    stop: &Stop,
) -> Result<()> {
    let now = Instant::now();
    let mut session = Session {
        plan,
        network,
        input,
        queue,
        stop,
        heartbeat: Heartbeat::new(plan.client.heartbeat, now),
        pings: 0,
        flood: Flood::new(now),
        tally: Tally::default(),
        is_editing: false,
        received_at: now,
    };
    let outcome = session.converse().and_then(|()| {
        if session.input.is_interactive() {
            // The user has seen each error, and continued.
            Ok(())
        } else {
            session.tally.conclude()
        }
    });
    let Session { network, input, .. } = session;
    drop(network);
    queue.close();
    input.end(stop);
    outcome
}

struct Session<'a> {
    plan: &'a SessionPlan,
    network: Network,
    input: Input,
    queue: &'a EventQueue,
    stop: &'a Stop,
    heartbeat: Heartbeat,
    /// Heartbeats without an echo yet.
    pings: u64,
    /// Unsolicited messages since the last line was sent.
    flood: Flood,
    tally: Tally,
    /// Whether the next line is still being typed.
    is_editing: bool,
    /// When the last message arrived.
    received_at: Instant,
}

impl Session<'_> {
    fn converse(&mut self) -> Result<()> {
        loop {
            self.input.want_line()?;
            self.is_editing = true;
            let Some(line) = self.next_line()? else {
                return Ok(());
            };
            self.is_editing = false;
            self.tally.lines += 1;
            match line {
                Line::TooLong => {
                    let max = self.plan.max_line;
                    self.refuse(format_args!(
                        "longer than the limit of {max} bytes (--max-frame)"
                    ));
                }
                Line::NotUtf8 => self.refuse("not UTF-8; lines from a pipe may be any bytes"),
                Line::Whole(line) => match line.as_slice() {
                    b"" => {}
                    b"q" | b"Q" => return Ok(()),
                    line => self.send(line)?,
                },
            }
        }
    }

    fn refuse(&mut self, why: impl fmt::Display) {
        tracing::error!("line {} not sent: {why}", self.tally.lines);
        self.tally.unsent += 1;
    }

    /// Waits for a line; `None` when the user is done.
    fn next_line(&mut self) -> Result<Option<Line>> {
        loop {
            match self.next_event(None)? {
                Some(Event::Line(line)) => {
                    self.input.has_line();
                    return Ok(Some(line));
                }
                Some(Event::Payload(payload)) => self.unsolicited(&payload)?,
                Some(Event::Lost(error)) => return Err(error),
                Some(Event::EndOfInput) | None => return Ok(None),
            }
        }
    }

    /// Sends one line, waits for its reply and prints it.
    fn send(&mut self, line: &[u8]) -> Result<()> {
        let mut writer = Writer::new(self.plan.client.wire);
        if let Err(error) = writer.add(line) {
            self.refuse(error);
            return Ok(());
        }
        self.show_wire("->", writer.as_bytes())?;
        let sent = Instant::now();
        self.network.send(&mut writer)?;
        self.flood = Flood::new(Instant::now());
        let Some(mut reply) = self.reply(line.len())? else {
            return Ok(());
        };
        let more = match self.plan.client.wire {
            Wire::Framed(_) => Vec::new(),
            // More raw bytes may have arrived with it.
            Wire::Raw => reply.split_off(line.len().min(reply.len())),
        };
        let took = self.received_at.saturating_duration_since(sent);
        cli::print(Escaped(&reply))?;
        if self.plan.shows_time {
            cli::print(format_args!("round trip {}", Quantity::from(took)))?;
        }
        if reply != line {
            tracing::warn!("the reply to line {} differs from it", self.tally.lines);
            self.tally.wrong += 1;
        }
        if !more.is_empty() {
            self.unsolicited(&more)?;
        }
        Ok(())
    }

    /// Waits for a complete reply: a frame, or at least as many raw bytes as were sent.
    /// `None` when the user ends the session.
    fn reply(&mut self, len: usize) -> Result<Option<Vec<u8>>> {
        // `None`: later than an instant can represent.
        let deadline = Instant::now().checked_add(self.plan.client.timeout);
        let mut reply = Vec::new();
        loop {
            match self.next_event(deadline)? {
                Some(Event::Payload(payload)) => {
                    reply.extend_from_slice(&payload);
                    if reply.len() >= len || matches!(self.plan.client.wire, Wire::Framed(_)) {
                        return Ok(Some(reply));
                    }
                    self.check(deadline)?;
                }
                Some(Event::Lost(error)) => return Err(error),
                Some(Event::Line(_) | Event::EndOfInput) => {}
                None => return Ok(None),
            }
        }
    }

    /// Shows an unsolicited message, unless there are too many.
    fn unsolicited(&mut self, payload: &[u8]) -> Result<()> {
        self.count_unsolicited(payload.len())?;
        let line = match payload.split_at_checked(MAX_SHOWN) {
            None => format!("unsolicited reply: {}", Escaped(payload)),
            Some((beginning, _)) => format!(
                "unsolicited reply of {} bytes: {} [...]",
                payload.len(),
                Escaped(beginning)
            ),
        };
        self.input.show_aside(&line);
        Ok(())
    }

    fn count_unsolicited(&mut self, bytes: usize) -> Result<()> {
        self.flood
            .count(bytes, Instant::now())
            .with_context(|| format!("{} is not an echo server", self.plan.client.dialer.host))
    }

    /// Waits for the next event; `None` when Ctrl-C ends the session.
    fn next_event(&mut self, deadline: Option<Instant>) -> Result<Option<Event>> {
        while self.stop.signal().is_none() {
            let now = Instant::now();
            let wait = self.heartbeat.wait(now).unwrap_or(TICK).min(TICK);
            match self.queue.pop(wait) {
                Some(Event::Payload(bytes)) => {
                    self.received_at = Instant::now();
                    self.heartbeat.heard(self.received_at);
                    let payload = self.payload(bytes)?;
                    if !payload.is_empty() {
                        return Ok(Some(Event::Payload(payload)));
                    }
                    // The echo of a heartbeat.
                    match self.pings.checked_sub(1) {
                        Some(pings) => self.pings = pings,
                        None => self.count_unsolicited(0)?,
                    }
                }
                Some(event) => return Ok(Some(event)),
                None => {}
            }
            self.ping_if_due()?;
            self.check(deadline)?;
        }
        match self.stop.signal() {
            Some(signal) if signal != SIGINT || !self.input.is_interactive() => {
                Err(Ended(signal).into())
            }
            _ => Ok(None),
        }
    }

    /// The payload of a message, whose bytes are shown first with `--wire`.
    fn payload(&mut self, bytes: Vec<u8>) -> Result<Vec<u8>> {
        if !self.plan.shows_wire {
            return Ok(bytes);
        }
        self.show_wire("<-", &bytes)?;
        Ok(wire::payload(&bytes, self.plan.client.wire)?)
    }

    /// Shows the bytes of a message with `--wire`.
    fn show_wire(&mut self, direction: &str, bytes: &[u8]) -> Result<()> {
        if !self.plan.shows_wire {
            return Ok(());
        }
        let text = wire::show(direction, bytes, self.plan.client.wire);
        if self.is_editing && self.input.shows_line() {
            self.input.show_aside(&text);
            return Ok(());
        }
        cli::print(text)
    }

    /// Fails once `deadline` has passed.
    fn check(&self, deadline: Option<Instant>) -> Result<()> {
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            let (host, timeout) = (&self.plan.client.dialer.host, self.plan.client.timeout);
            bail!("no reply from {host} within {timeout:?}; does it use the same mode (--raw)?");
        }
        Ok(())
    }

    /// Sends a heartbeat if one is due, or fails for a dead server.
    fn ping_if_due(&mut self) -> Result<()> {
        match self.heartbeat.check(Instant::now()) {
            Liveness::Alive => Ok(()),
            Liveness::Ping => {
                let mut heartbeat = Writer::new(self.plan.client.wire);
                heartbeat.add(&[])?;
                self.pings += 1;
                self.show_wire("->", heartbeat.as_bytes())?;
                self.network.send(&mut heartbeat)
            }
            Liveness::Dead(timeout) => {
                Err(timeout).with_context(|| format!("{} is dead", self.plan.client.dialer.host))
            }
        }
    }
}
