//! One connection's loop: send what is due, read what comes, until the end.
//!
//! | file | what |
//! | --- | --- |
//! | `waiting` | for a reply, for room, for the time of the next message |
//! | `receiving` | replies, and whether the server is alive |
//! | `failures` | which failure it is that ends it |

use std::{
    io,
    net::Shutdown,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use proto::Reader;
use transport::Heartbeat;

use super::{
    Link, Reports, Shared,
    clock::{Clock, nanos},
    connects::Successors,
    failure::Failure,
    flight::Flight,
    outbox::Outbox,
    payload::Payloads,
    recorder::Recorder,
    replies::{Replies, Rules},
    schedule::Schedule,
    slowest::Examiner,
};
use crate::{
    machine::{cpu, timer::wake_up_on_time},
    plan::{Pace, RunPlan},
};

mod failures;
mod receiving;
mod waiting;

/// A connection with its load.
pub(crate) struct LoadConnection<'a> {
    shared: &'a Shared,
    pub(crate) link: Arc<Link>,
    clock: Clock,
    pub(crate) schedule: Schedule,
    /// Draws the sizes.
    random: fastrand::Rng,
    /// Messages that are still to be sent, those of the warm-up not counted.
    pub(crate) left: u64,
    /// Those that this connection has room for, warm-up included.
    quota: u64,
    successors: Option<Successors<'a>>,
    /// Whether any more are.
    is_sending: bool,
    pub(crate) replies: Replies<'a>,
    /// CPU time of this thread when its first message was due.
    cpu_before: Option<Duration>,
    reader: Reader,
    outbox: Outbox,
    /// When the last message was composed.
    composed_ns: u64,
    heartbeat: Heartbeat,
    /// Longest wait for the socket before it may be time for a heartbeat.
    patience: Duration,
    /// How long before a message is due the thread stops sleeping.
    spin: Duration,
    /// How long it polls before it sleeps.
    poll: Duration,
    /// Whether the last read ended inside a frame.
    is_split: bool,
    /// When there was last no room for a message, in flight or to send.
    full_until_ns: u64,
}

impl<'a> LoadConnection<'a> {
    /// Prepares a connection for its load.
    pub(super) fn new(
        shared: &'a Shared,
        clock: Clock,
        link: Arc<Link>,
        reports: &'a Reports,
    ) -> io::Result<Self> {
        let plan = &shared.plan;
        let index = link.index;
        let successors = Successors::of(&link, shared, reports)?;
        if plan.pace() != Pace::Closed {
            wake_up_on_time();
        }
        // The conductor ends what takes too long: a timeout on the socket would
        // cost every read a timer in the kernel.
        link.stream.set_read_timeout(plan.arguments.heartbeat)?;
        let arguments = &plan.arguments;
        // What opens late starts late.
        let is_late = !arguments.ramp.is_zero() || shared.is_late.load(Ordering::Relaxed);
        let opening_ns = if is_late { clock.now_ns() } else { 0 };
        let number = plan.rank.number(index);
        Ok(Self {
            shared,
            clock,
            schedule: Schedule::new(plan, index, opening_ns),
            // Each connection draws its own sizes, whatever the others do.
            random: fastrand::Rng::with_seed(arguments.seed.wrapping_add(number)),
            left: plan.share(index),
            quota: successors.as_ref().map_or(u64::MAX, |each| each.messages),
            successors,
            is_sending: true,
            replies: replies(shared, clock, &link),
            cpu_before: None,
            reader: reader(plan),
            outbox: Outbox::new(plan.client.wire, plan.client.write_buffer),
            composed_ns: 0,
            heartbeat: Heartbeat::new(plan.arguments.heartbeat, Instant::now()),
            patience: plan.arguments.heartbeat.unwrap_or(plan.arguments.timeout),
            spin: plan.spin(),
            poll: plan.client.spin,
            is_split: false,
            full_until_ns: 0,
            link,
        })
    }

    /// Runs the load until there is nothing left to send or to wait for.
    ///
    /// # Errors
    ///
    /// The failure that ended the connection early.
    pub(crate) fn run(&mut self) -> Result<(), Failure> {
        let mut now_ns = self.clock.now_ns();
        while let Some(later_ns) = self.step(now_ns)? {
            now_ns = later_ns;
        }
        Ok(())
    }

    /// Notes the CPU time that the thread has used so far, if it was sending until
    /// now.
    pub(crate) fn note_cpu(&mut self) {
        let used = || Some(cpu::thread_time()?.saturating_sub(self.cpu_before?));
        let tally = &mut self.replies.tally;
        tally.cpu = tally.cpu.or_else(used);
    }

    /// Sends what is due at `now_ns`, then waits until something happens; `None`
    /// when nothing more will.
    fn step(&mut self, now_ns: u64) -> Result<Option<u64>, Failure> {
        if self.is_sending {
            self.fill(now_ns)?;
        }
        self.flush()?;
        self.publish();
        if !self.outbox.is_empty() {
            self.full_until_ns = self.wait_for_room(now_ns)?;
            return Ok(Some(self.full_until_ns));
        }
        if !self.is_sending && self.replies.in_flight() == 0 {
            return Ok(None);
        }
        if self.quota == 0 && self.replies.in_flight() == 0 {
            self.full_until_ns = self.reopen()?;
            return Ok(Some(self.full_until_ns));
        }
        match self.schedule.due_ns() {
            Some(due_ns) if self.is_sending && self.has_room() => {
                let until_ns = due_ns.min(self.shared.window.end_ns());
                self.wait_until(until_ns, now_ns).map(Some)
            }
            _ => {
                self.full_until_ns = self.receive(now_ns)?;
                Ok(Some(self.full_until_ns))
            }
        }
    }

    fn has_room(&self) -> bool {
        self.quota > 0 && (self.replies.in_flight() as u64) < self.shared.plan.arguments.pipeline
    }

    /// Closes the connection, which has had all its messages and replies, and opens
    /// the next. The schedule goes on meanwhile.
    #[cold]
    fn reopen(&mut self) -> Result<u64, Failure> {
        let index = self.link.index;
        let _ = self.link.stream.shutdown(Shutdown::Write);
        let Some(successors) = &self.successors else {
            return Err(Failure::IoError);
        };
        let Some(link) = successors.open(index, self.clock)? else {
            self.is_sending = false;
            self.note_cpu();
            return Ok(self.clock.now_ns());
        };
        self.quota = successors.messages;
        let plan = &self.shared.plan;
        let heartbeat = plan.arguments.heartbeat;
        link.failures.store(self.replies.failures.total());
        let set = link.stream.set_read_timeout(heartbeat);
        set.map_err(|error| self.failure_of_io(&error))?;
        self.reader = reader(plan);
        self.heartbeat = Heartbeat::new(heartbeat, Instant::now());
        self.is_split = false;
        self.replies.go_on(Arc::clone(&link));
        self.link = link;
        Ok(self.clock.now_ns())
    }

    /// Composes the messages that are due, as many as there is room for: in
    /// flight, and in the send buffer.
    ///
    /// Those that were due before the end are sent even when it has just
    /// passed, if they could have been: a thread that wakes up late has not
    /// been held up by the server.
    fn fill(&mut self, now_ns: u64) -> Result<(), Failure> {
        let end_ns = self.shared.window.end_ns();
        let mut is_sent = self.outbox.is_empty();
        while is_sent && self.left > 0 && self.has_room() {
            let Some(intended_ns) = self.schedule.take(now_ns, end_ns) else {
                break;
            };
            self.compose(intended_ns, now_ns)?;
            if self.outbox.is_batch() {
                self.flush()?;
                is_sent = self.outbox.is_empty();
            }
        }
        if self.left == 0 || now_ns >= end_ns {
            self.is_sending = false;
            self.note_cpu();
        }
        Ok(())
    }

    fn compose(&mut self, intended_ns: u64, now_ns: u64) -> Result<(), Failure> {
        if self.shared.window.counts(intended_ns) {
            let tally = &mut self.replies.tally;
            if tally.sent == 0 {
                (tally.reads, tally.writes) = (0, 0);
                self.cpu_before = cpu::thread_time();
            }
            tally.sent += 1;
            self.left -= 1;
        }
        self.quota -= 1;
        self.composed_ns = now_ns;
        let len = self.shared.plan.sizes.pick(&mut self.random);
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let sequence = self.replies.next_sequence();
        let (mark, rest) = self.replies.payloads.message(sequence, len);
        let mark = mark.get(..len).unwrap_or(&mark);
        // The largest size was tried when the plan was made.
        let wire_len = self
            .outbox
            .add(&[mark, rest])
            .map_err(|_| Failure::IoError)?;
        self.replies.sent(Flight {
            sequence,
            len,
            wire_len,
            intended_ns,
            sent_ns: now_ns,
            is_held: intended_ns < self.full_until_ns,
        });
        Ok(())
    }

    /// Publishes what is in flight to the conductor. A message that waits to be sent
    /// has the deadline of a reply, too.
    fn publish(&self) {
        let unsent_ns = (!self.outbox.is_empty()).then_some(self.composed_ns);
        let since_ns = self.replies.waiting_since_ns().or(unsent_ns);
        self.link
            .waiting_since
            .store(since_ns.map_or(0, |ns| ns + 1));
        self.link.in_flight.store(self.replies.in_flight() as u64);
    }

    /// Sends what the stream takes at once.
    fn flush(&mut self) -> Result<(), Failure> {
        let flushed = self.outbox.flush(&self.link.stream);
        self.replies.tally.writes += flushed.map_err(|error| self.failure_of_io(&error))?;
        Ok(())
    }
}

/// The replies of a connection that has sent nothing.
fn replies<'a>(shared: &'a Shared, clock: Clock, link: &Arc<Link>) -> Replies<'a> {
    let (plan, arguments) = (&shared.plan, &shared.plan.arguments);
    let rules = Rules {
        wire: plan.client.wire,
        verify: arguments.verify,
        timeout_ns: nanos(arguments.timeout),
    };
    let number = u32::try_from(plan.rank.number(link.index)).unwrap_or(u32::MAX);
    let now_ns = clock.now_ns();
    Replies::new(
        rules,
        Payloads::new(number, arguments.seed, &shared.body),
        &shared.window,
        Recorder::new(shared.shard(link.index), now_ns),
        Some(Examiner::new(&shared.slowest, Arc::clone(link), now_ns)),
    )
}

fn reader(plan: &RunPlan) -> Reader {
    Reader::new(plan.reply_wire()).max_read(plan.client.read_buffer)
}
