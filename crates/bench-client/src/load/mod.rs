//! The whole load: open all connections, let them run, end them, add up.
//!
//! | file | what |
//! | --- | --- |
//! | `connection` | one connection's loop |
//! | `schedule` | when its messages are meant to be sent |
//! | `sizes`, `payload` | what they are |
//! | `replies` | what is in flight, and what its replies are worth |
//! | `failure` | what can go wrong |
//! | `recorder` | from the threads to the figures |
//! | `outbox` | what is composed and not yet sent |
//! | `conductor` | the thread that starts, watches and ends them |
//! | `outcome` | what it all brought |

use std::{
    io,
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{self, Sender},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Error, Result};
use transport::Stream;

mod conductor;
mod connection;
mod failure;
mod outbox;
mod outcome;
pub(crate) mod payload;
mod recorder;
mod replies;
mod schedule;
pub(crate) mod sizes;

use conductor::Conductor;
use connection::{Connection, Task, Traffic};
pub(crate) use failure::{Failure, Failures};
pub(crate) use outcome::{Outcome, Watch};
pub(crate) use recorder::Measured;
use recorder::{Recorder, Shard};
use replies::Replies;
use schedule::{Schedule, Slots};

use self::payload::Payloads;
use crate::{
    cpu,
    plan::{Pace, Plan},
};

/// Stack of a connection's thread; buffers are on the heap.
const STACK_BYTES: usize = 256 * 1024;

/// Collections of samples. Threads meet at their locks once in some hundred
/// replies, so a few are enough.
const SHARDS: usize = 8;

/// Runs the load until its duration, its number of messages or `stop` ends it.
/// Each second is shown to `watch`.
///
/// # Errors
///
/// When no connection could be opened at all; what goes wrong later is counted.
pub(crate) fn run(plan: &Plan, stop: &AtomicBool, watch: &mut dyn Watch) -> Result<Outcome> {
    let shared = Shared::new(plan);
    thread::scope(|scope| {
        let (reports, inbox) = mpsc::channel();
        let mut conductor = Conductor::new(plan, stop, &shared, inbox, watch);
        if !plan.load.ramp.is_zero() {
            // Whoever opens late starts late.
            conductor.start();
        }
        for index in 0..plan.load.connections {
            let (shared, reports) = (&shared, reports.clone());
            let spawned = thread::Builder::new()
                .name("connection".to_owned())
                .stack_size(STACK_BYTES)
                .spawn_scoped(scope, move || drive(plan, index, shared, &reports));
            if spawned.is_err() {
                conductor.lacks_thread();
            }
        }
        drop(reports);
        conductor.conduct()
    })
}

/// What the threads of a run share.
struct Shared {
    gate: Gate,
    /// No further message is to be sent.
    ending: AtomicBool,
    shards: [Shard; SHARDS],
    body: Vec<u8>,
}

impl Shared {
    fn new(plan: &Plan) -> Self {
        let has_schedule = matches!(plan.load.pace, Pace::Open { .. });
        Self {
            gate: Gate::default(),
            ending: AtomicBool::new(false),
            shards: std::array::from_fn(|_| Shard::new(has_schedule)),
            body: plan.messages.body(),
        }
    }

    /// Where connection `index` puts its samples.
    fn shard(&self, index: u64) -> &Shard {
        &self.shards[usize::try_from(index).unwrap_or(0) % SHARDS]
    }
}

/// Holds every connection back until the load begins.
#[derive(Default)]
struct Gate {
    start: Mutex<Option<Instant>>,
    opened: Condvar,
}

impl Gate {
    fn open(&self, start: Instant) {
        *self.start.lock().unwrap_or_else(PoisonError::into_inner) = Some(start);
        self.opened.notify_all();
    }

    /// Waits until it is open and returns when that was.
    fn wait(&self) -> Instant {
        let mut start = self.start.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(start) = *start {
                return start;
            }
            start = self
                .opened
                .wait(start)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// An open connection. On cache lines of its own: its thread writes here at
/// every reply.
#[repr(align(64))]
struct Link {
    stream: Stream,
    /// When the first message in flight was sent, in nanoseconds since the
    /// load began, plus one; zero when there is none.
    waiting_since: Gauge,
    /// Set when that message was given up, before the stream is shut down.
    overdue: AtomicBool,
    in_flight: Gauge,
    failures: Gauge,
}

/// A number that one thread sets and another looks at. Relaxed: it orders
/// nothing.
#[derive(Default)]
struct Gauge(AtomicU64);

impl Gauge {
    fn store(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    fn load(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What a connection's thread says.
enum Report {
    /// It could or could not open its connection.
    Opened(Result<Arc<Link>>),
    /// It sends no more.
    Done(Box<Done>),
}

/// What one connection brought, its samples left out.
struct Done {
    failures: Failures,
    /// Right replies that count.
    replies: u64,
    traffic: Traffic,
    /// Messages that had no reply.
    unanswered: u64,
    /// When its last reply or its failure came.
    last: Instant,
    /// What its thread used of the processor.
    cpu: Option<Duration>,
}

/// One connection's thread.
fn drive(plan: &Plan, index: u64, shared: &Shared, reports: &Sender<Report>) {
    // Nobody listens only once the run is over.
    let report = |report| drop(reports.send(report));
    if !plan.load.ramp.is_zero() {
        let start = shared.gate.wait();
        let share = index as f64 / plan.load.connections as f64;
        let opening = start + plan.load.ramp.mul_f64(share);
        thread::sleep(opening.saturating_duration_since(Instant::now()));
    }
    let stream = match plan.server.dial() {
        Ok(stream) => stream,
        Err(error) => return report(Report::Opened(Err(error))),
    };
    let link = Arc::new(Link {
        stream,
        waiting_since: Gauge::default(),
        overdue: AtomicBool::new(false),
        in_flight: Gauge::default(),
        failures: Gauge::default(),
    });
    report(Report::Opened(Ok(Arc::clone(&link))));
    let start = shared.gate.wait();
    report(Report::Done(Box::new(converse(
        plan, index, start, &link, shared,
    ))));
}

fn converse(plan: &Plan, index: u64, start: Instant, link: &Link, shared: &Shared) -> Done {
    let now = Instant::now();
    let mut done = Done {
        failures: Failures::default(),
        replies: 0,
        traffic: Traffic::default(),
        unanswered: 0,
        last: now,
        cpu: None,
    };
    let Ok(mut connection) = begin(plan, index, start, now, link, shared) else {
        done.failures.add(Failure::Lost);
        return done;
    };
    let outcome = connection.run();
    let Connection {
        mut replies,
        traffic,
        ..
    } = connection;
    replies.flush();
    done.failures = replies.failures;
    done.last = match outcome {
        Ok(last) => last,
        Err((_, last)) if shared.ending.load(Ordering::Relaxed) => last,
        Err((failure, last)) => {
            done.failures.add(failure);
            last
        }
    };
    link.failures.store(done.failures.total());
    link.in_flight.store(0);
    link.waiting_since.store(0);
    let waiting = replies.in_flight.iter().filter(|flight| !flight.is_warmup);
    done.unanswered = waiting.count() as u64;
    done.replies = replies.right;
    done.traffic = traffic;
    done.cpu = cpu::thread_time()
        .zip(traffic.cpu_before)
        .map(|(after, before)| after.saturating_sub(before));
    done
}

fn begin<'a>(
    plan: &'a Plan,
    index: u64,
    start: Instant,
    now: Instant,
    link: &'a Link,
    shared: &'a Shared,
) -> io::Result<Connection<'a>> {
    let schedule = match plan.load.pace {
        Pace::Closed => Schedule::Closed,
        Pace::Open { rate } => {
            let mut slots = Slots::new(start, rate, index, plan.load.connections);
            if !plan.load.ramp.is_zero() {
                slots.skip_until(now);
            }
            Schedule::Open(slots)
        }
    };
    let messages = &plan.messages;
    let payloads = Payloads::new(
        u32::try_from(index).unwrap_or(u32::MAX),
        messages.seed,
        &shared.body,
    );
    let replies = Replies::new(
        payloads,
        Recorder::new(shared.shard(index), now),
        messages.verify,
        plan.load.connections,
    );
    let task = Task {
        plan,
        link,
        ending: &shared.ending,
        schedule,
        // Each connection draws its own sizes, whatever the others do.
        random: fastrand::Rng::with_seed(messages.seed.wrapping_add(index)),
        left: share(plan, index),
        began: start,
        measured_from: start + plan.load.warmup,
    };
    Connection::new(task, replies)
}

/// How many of the messages are this connection's.
fn share(plan: &Plan, index: u64) -> u64 {
    let connections = plan.load.connections;
    match plan.load.requests {
        Some(all) => all / connections + u64::from(index < all % connections),
        None => u64::MAX,
    }
}

/// What kept a connection from opening.
fn dial_failure(error: &Error) -> Failure {
    match error.downcast_ref::<io::Error>() {
        Some(error) if error.kind() == io::ErrorKind::ConnectionRefused => Failure::Refused,
        _ => Failure::Connect,
    }
}
