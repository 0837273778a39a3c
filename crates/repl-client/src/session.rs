//! The conversation between the user's lines and the server's replies.

use std::{
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use proto::{Escaped, Wire, Writer};
use transport::{Liveness, Vitality, cli};

use crate::{args::Plan, event::Event, input::Input, network::Network};

/// How often a waiting session looks whether a signal asked it to end.
const TICK: Duration = Duration::from_millis(100);

/// Runs until the user ends it or the server is lost.
pub(crate) fn run(
    plan: &Plan,
    network: &Network,
    input: Input,
    inbox: &Receiver<Event>,
    stop: &AtomicBool,
) -> Result<()> {
    let mut session = Session {
        plan,
        network,
        inbox,
        stop,
        liveness: Liveness::new(plan.heartbeat, Instant::now()),
    };
    let outcome = session.converse(&input);
    input.end();
    outcome
}

struct Session<'a> {
    plan: &'a Plan,
    network: &'a Network,
    inbox: &'a Receiver<Event>,
    stop: &'a AtomicBool,
    liveness: Liveness,
}

impl Session<'_> {
    fn converse(&mut self, input: &Input) -> Result<()> {
        loop {
            input.want_line();
            let Some(line) = self.next_line()? else {
                return Ok(());
            };
            match line.as_slice() {
                b"" => {}
                b"q" | b"Q" => return Ok(()),
                line => self.send(line)?,
            }
        }
    }

    /// Waits for a line; `None` when the user is done.
    fn next_line(&mut self) -> Result<Option<Vec<u8>>> {
        loop {
            match self.next_event(None)? {
                Some(Event::Line(line)) => return Ok(Some(line)),
                Some(Event::Payload(payload)) => {
                    tracing::warn!("nobody asked for: {}", Escaped(&payload));
                }
                Some(Event::Lost(error)) => return Err(error),
                Some(Event::EndOfInput) | None => return Ok(None),
            }
        }
    }

    /// Sends one line, waits for its reply and prints it.
    fn send(&mut self, line: &[u8]) -> Result<()> {
        let mut writer = Writer::new(self.plan.wire);
        if let Err(error) = writer.add(line) {
            tracing::error!("not sent: {error}");
            return Ok(());
        }
        self.network.send(&mut writer)?;
        let Some(reply) = self.reply(line.len())? else {
            return Ok(());
        };
        cli::print(Escaped(&reply))?;
        if reply != line {
            tracing::warn!("the reply differs from what was sent");
        }
        Ok(())
    }

    /// Waits for a whole reply: a frame, or as many bare bytes as were sent.
    /// `None` when the user does not want to wait.
    fn reply(&mut self, len: usize) -> Result<Option<Vec<u8>>> {
        let deadline = Instant::now() + self.plan.timeout;
        let mut reply = Vec::new();
        loop {
            match self.next_event(Some(deadline))? {
                Some(Event::Payload(payload)) => {
                    reply.extend_from_slice(&payload);
                    if reply.len() >= len || matches!(self.plan.wire, Wire::Framed(_)) {
                        return Ok(Some(reply));
                    }
                }
                Some(Event::Lost(error)) => return Err(error),
                Some(Event::Line(_) | Event::EndOfInput) => {}
                None => return Ok(None),
            }
        }
    }

    /// Waits for what happens next; `None` when a signal asked for an end.
    fn next_event(&mut self, deadline: Option<Instant>) -> Result<Option<Event>> {
        while !self.stop.load(Ordering::Relaxed) {
            let now = Instant::now();
            let wait = self.liveness.wait(now).unwrap_or(TICK).min(TICK);
            match self.inbox.recv_timeout(wait) {
                Ok(Event::Payload(payload)) => {
                    self.liveness.heard(Instant::now());
                    // An empty one is the echo of a heartbeat.
                    if !payload.is_empty() {
                        return Ok(Some(Event::Payload(payload)));
                    }
                }
                Ok(event) => return Ok(Some(event)),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
            }
            self.beat()?;
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                let (host, timeout) = (&self.plan.server.host, self.plan.timeout);
                bail!("no reply from {host} within {timeout:?}; does it speak the same (--raw)?");
            }
        }
        Ok(None)
    }

    /// Sends a heartbeat if it is time for one, or gives the server up.
    fn beat(&mut self) -> Result<()> {
        match self.liveness.check(Instant::now()) {
            Vitality::Alive => Ok(()),
            Vitality::Ask => {
                let mut heartbeat = Writer::new(self.plan.wire);
                heartbeat.add(&[])?;
                self.network.send(&mut heartbeat)
            }
            Vitality::Dead(silence) => bail!(
                "{} is dead: no frame for {:.1} s, not even the echo of a heartbeat",
                self.plan.server.host,
                silence.as_secs_f64()
            ),
        }
    }
}
