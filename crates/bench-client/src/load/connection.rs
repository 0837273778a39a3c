//! One connection's loop: send what is due, read what comes, until the end.

use std::{
    io,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use proto::{Error, FrameError, HEADER_LEN, Reader, Received};
use transport::{Liveness, Ready, Stream, Vitality};

use super::{
    Link,
    failure::Failure,
    outbox::Outbox,
    replies::{Flight, Replies},
    schedule::Schedule,
};
use crate::{cpu, plan::Plan};

/// The empty frame, which the server echoes like any other.
const HEARTBEAT: [u8; HEADER_LEN] = [0; HEADER_LEN];

/// What a connection is to do.
pub(crate) struct Task<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) link: &'a Link,
    /// No further message is to be sent.
    pub(crate) ending: &'a AtomicBool,
    pub(crate) schedule: Schedule,
    /// Draws the sizes.
    pub(crate) random: fastrand::Rng,
    /// Messages that are still to be sent, those of the warm-up not counted.
    pub(crate) left: u64,
    /// When the load began, and from when on messages count.
    pub(crate) began: Instant,
    pub(crate) measured_from: Instant,
}

/// A connection with its load.
pub(crate) struct Connection<'a> {
    task: Task<'a>,
    /// From when on none is sent.
    until: Option<Instant>,
    pub(crate) replies: Replies<'a>,
    pub(crate) traffic: Traffic,
    reader: Reader,
    outbox: Outbox,
    liveness: Liveness,
    /// Longest wait for the socket before it may be time for a heartbeat.
    patience: Duration,
    /// Whether the last read ended inside a frame.
    is_split: bool,
}

/// What went out and came in since the end of the warm-up.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) sent: u64,
    /// System calls that sent or brought something.
    pub(crate) writes: u64,
    pub(crate) reads: u64,
    /// What this thread had used of the processor when it began.
    pub(crate) cpu_before: Option<Duration>,
}

impl<'a> Connection<'a> {
    pub(crate) fn new(task: Task<'a>, replies: Replies<'a>) -> io::Result<Self> {
        if matches!(task.schedule, Schedule::Open(_)) {
            wake_up_on_time();
        }
        let plan = task.plan;
        // The conductor ends what takes too long: a timeout on the socket would
        // cost every read a timer in the kernel.
        task.link.stream.set_read_timeout(plan.heartbeat)?;
        let measured_from = task.measured_from;
        Ok(Self {
            task,
            until: plan.load.duration.map(|duration| measured_from + duration),
            replies,
            traffic: Traffic::default(),
            reader: Reader::new(plan.wire, plan.read_buffer),
            outbox: Outbox::new(plan.wire),
            liveness: Liveness::new(plan.heartbeat, Instant::now()),
            patience: plan.heartbeat.unwrap_or(plan.timeout),
            is_split: false,
        })
    }

    /// Runs the load to its end and returns when that was.
    ///
    /// # Errors
    ///
    /// The failure that ended the connection early, and when.
    pub(crate) fn run(&mut self) -> Result<Instant, (Failure, Instant)> {
        let mut now = Instant::now();
        loop {
            let is_ending = self.task.ending.load(Ordering::Relaxed);
            match self.step(now, is_ending) {
                Ok(Some(later)) => now = later,
                Ok(None) => return Ok(now),
                Err(failure) => return Err((failure, now)),
            }
        }
    }

    /// Sends what is due at `now`, then waits until something happens; `None`
    /// when nothing more will.
    fn step(&mut self, now: Instant, is_ending: bool) -> Result<Option<Instant>, Failure> {
        if !is_ending {
            self.fill(now)?;
        }
        self.flush()?;
        let in_flight = &self.replies.in_flight;
        let since = match in_flight.front() {
            Some(first) => nanos_since(self.task.began, first.sent) + 1,
            None => 0,
        };
        self.task.link.waiting_since.store(since);
        self.task.link.in_flight.store(in_flight.len() as u64);
        if !self.outbox.unsent().is_empty() {
            return self.wait_for_room(now).map(Some);
        }
        let has_more = !is_ending && self.task.left > 0;
        if self.replies.in_flight.is_empty() && !has_more {
            return Ok(None);
        }
        let has_room = self.replies.in_flight.len() < self.task.plan.load.pipeline;
        match self.task.schedule.due() {
            Some(due) if has_more && has_room => {
                let until = self.until.unwrap_or(due).min(due);
                self.wait_until(until, now).map(Some)
            }
            _ => self.receive(now).map(Some),
        }
    }

    /// Composes the messages that are due, as many as there is room for.
    fn fill(&mut self, now: Instant) -> Result<(), Failure> {
        let due = self.task.schedule.due().unwrap_or(now);
        if self.is_over(now) && self.is_over(due) {
            self.task.left = 0;
        }
        while self.task.left > 0 && self.replies.in_flight.len() < self.task.plan.load.pipeline {
            let Some(intended) = self.task.schedule.take(now) else {
                break;
            };
            if self.is_over(intended) {
                self.task.left = 0;
                break;
            }
            let is_warmup = intended < self.task.measured_from;
            if !is_warmup {
                if self.traffic.sent == 0 {
                    self.traffic = Traffic {
                        cpu_before: cpu::thread_time(),
                        ..Traffic::default()
                    };
                }
                self.traffic.sent += 1;
                self.task.left -= 1;
            }
            let len = self.task.plan.messages.sizes.pick(&mut self.task.random);
            let len = usize::try_from(len).unwrap_or(usize::MAX);
            let sequence = self.replies.sent;
            self.replies.sent += 1;
            let payload = self.replies.payloads.message(sequence, len);
            // The largest size was tried when the plan was made.
            let wire_len = self.outbox.add(payload).map_err(|_| Failure::Lost)?;
            self.replies.in_flight.push_back(Flight {
                sequence,
                len,
                wire_len,
                intended,
                sent: now,
                is_warmup,
            });
            if self.outbox.unsent().len() >= self.task.plan.write_buffer {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Whether nothing is to be sent at `instant` any more.
    fn is_over(&self, instant: Instant) -> bool {
        self.until.is_some_and(|until| instant >= until)
    }

    /// Sends what the stream takes at once.
    fn flush(&mut self) -> Result<(), Failure> {
        let flushed = self.outbox.flush(&self.task.link.stream);
        self.traffic.writes += flushed.map_err(|error| self.failure_of_io(&error))?;
        Ok(())
    }

    /// The way out is full: waits for room, or reads, since the server may
    /// wait for that.
    fn wait_for_room(&mut self, now: Instant) -> Result<Instant, Failure> {
        match self.wait(true, self.patience)? {
            Ready::Read => self.receive(now),
            Ready::Write => Ok(Instant::now()),
            Ready::Neither => self.look_at_time(),
        }
    }

    /// Reads until the next message is due. The last stretch is spent looking
    /// again and again: a sleeping thread wakes up late.
    fn wait_until(&mut self, due: Instant, now: Instant) -> Result<Instant, Failure> {
        let left = due.saturating_duration_since(now);
        let sleep = left.saturating_sub(self.task.plan.load.spin);
        if !sleep.is_zero() {
            return match self.wait(false, sleep.min(self.patience))? {
                Ready::Read => self.receive(now),
                Ready::Write | Ready::Neither => self.look_at_time(),
            };
        }
        let mut now = now;
        while now < due {
            if self.wait(false, Duration::ZERO)? == Ready::Read {
                return self.receive(now);
            }
            now = Instant::now();
        }
        Ok(now)
    }

    fn wait(&self, for_room: bool, timeout: Duration) -> Result<Ready, Failure> {
        let ready = self.task.link.stream.wait(for_room, timeout);
        ready.map_err(|error| self.failure_of_io(&error))
    }

    /// Reads once and takes what came. Returns when that was.
    fn receive(&mut self, now: Instant) -> Result<Instant, Failure> {
        let mut stream: &Stream = &self.task.link.stream;
        let batch = match self.reader.read(&mut stream) {
            Ok(Received::Batch(batch)) => batch,
            Ok(Received::Closed) => return Err(self.failure_of_close()),
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::Interrupted => return Ok(now),
            Err(Error::Io(error)) if transport::is_timeout(&error) => return self.look_at_time(),
            Err(error) => return Err(self.failure_of(&error)),
        };
        // One look at the clock ends these round trips and starts the next.
        let now = Instant::now();
        self.traffic.reads += 1;
        self.is_split = batch.is_split();
        if !batch.is_empty() {
            self.liveness.heard(now);
        }
        self.replies.take(&batch, self.task.plan.wire, now)?;
        self.task.link.failures.store(self.replies.failures.total());
        if batch.is_empty() {
            self.check_time(now)?;
        }
        Ok(now)
    }

    fn look_at_time(&mut self) -> Result<Instant, Failure> {
        let now = Instant::now();
        self.check_time(now).map(|()| now)
    }

    /// Sends a heartbeat if it is time for one, or gives the server up; in the
    /// middle of a message nothing can be sent, and its echo has to do.
    fn check_time(&mut self, now: Instant) -> Result<(), Failure> {
        match self.liveness.check(now) {
            Vitality::Ask if self.outbox.unsent().is_empty() => {
                let mut stream: &Stream = &self.task.link.stream;
                self.replies.echoes_due += 1;
                io::Write::write_all(&mut stream, &HEARTBEAT)
                    .map_err(|error| self.failure_of_io(&error))
            }
            Vitality::Alive | Vitality::Ask => Ok(()),
            Vitality::Dead(_) => Err(Failure::Dead),
        }
    }

    /// Why the stream has ended.
    fn failure_of_close(&self) -> Failure {
        if self.is_split || self.replies.is_inside_reply() {
            Failure::Short
        } else if self.task.link.overdue.load(Ordering::Relaxed) {
            Failure::Timeout
        } else {
            Failure::Closed
        }
    }

    fn failure_of(&self, error: &Error) -> Failure {
        match error {
            Error::Io(error) => self.failure_of_io(error),
            Error::Refused {
                error: FrameError::BadChecksum { .. } | FrameError::BadCompression { .. },
                ..
            } => Failure::Corrupt,
            Error::Refused { .. } => Failure::NoFrame,
            Error::Truncated { .. } => Failure::Short,
        }
    }

    fn failure_of_io(&self, error: &io::Error) -> Failure {
        match error.kind() {
            _ if self.task.link.overdue.load(Ordering::Relaxed) => self.failure_of_close(),
            // What a write says after the reset.
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Failure::Reset,
            _ => Failure::Lost,
        }
    }
}

fn nanos_since(began: Instant, instant: Instant) -> u64 {
    let since = instant.saturating_duration_since(began);
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// Linux lets a sleeping thread wake up 50 µs late, to wake up several at once
/// (`PR_SET_TIMERSLACK`, prctl(2)); 1 ns turns that off for this thread.
#[cfg(target_os = "linux")]
fn wake_up_on_time() {
    let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
}

/// Elsewhere timers are as the system has them; the schedule's lag shows it.
#[cfg(not(target_os = "linux"))]
fn wake_up_on_time() {}
