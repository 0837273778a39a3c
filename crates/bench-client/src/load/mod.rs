//! The whole load: open all connections, let them run, end them, add up.
//!
//! | file | what |
//! | --- | --- |
//! | `connection` | one connection's loop |
//! | `schedule` | when its messages are meant to be sent |
//! | `arrivals` | the same, at random |
//! | `payload` | what they say |
//! | `replies` | what is in flight, and what its replies are worth |
//! | `failure` | what can go wrong |
//! | `bulk` | a load beside it |
//! | `connects` | connections that follow one another |
//! | `window` | the part of the run that is measured |
//! | `clock` | time since the load began |
//! | `recorder` | from the threads to the figures |
//! | `slices` | the samples in slices of time |
//! | `outbox` | what is composed and not yet sent |
//! | `gate` | holds connections back until the load begins |
//! | `kernel` | the connections as the kernel sees them |
//! | `slowest` | the slowest messages, and what was seen around each |
//! | `conductor` | the thread that starts, samples and ends them |
//! | `usage` | CPU time as that thread sees it |
//! | `watch` | what is shown of it meanwhile |

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{self, Sender},
    },
    thread,
};

use anyhow::{Error, Result, anyhow};
use bench_report::{ConnectionOutcome, LoadOutcome};
use cli::signals::Stop;
use transport::{
    Stream, TcpInfo,
    sock_diag::{self, Ends},
};

mod arrivals;
mod bulk;
mod clock;
mod conductor;
mod connection;
mod connects;
mod failure;
mod flight;
mod gate;
mod kernel;
mod outbox;
mod payload;
mod recorder;
mod replies;
mod schedule;
mod slices;
mod slots;
mod slowest;
mod usage;
mod watch;
mod window;

use bulk::Bulk;
use clock::{Clock, nanos};
use conductor::Conductor;
use connection::LoadConnection;
use connects::Connects;
use failure::{Failure, Failures};
use gate::Gate;
pub(crate) use payload::MAX_CONNECTIONS;
use recorder::Shard;
use replies::FlightEnd;
use schedule::Schedule;
use slowest::Slowest;
pub(crate) use watch::{Unwatched, Watch};
use window::Window;

use crate::plan::{Pace, RunPlan};

/// Stack of a connection's thread; buffers are on the heap.
const STACK_BYTES: usize = 256 * 1024;

/// Collections of samples. Threads meet at their locks once in some hundred
/// replies, so a few are enough.
const SHARDS: usize = 8;

/// Runs the load until its duration, its number of messages or `stop` ends it,
/// and each message is answered or given up. Each second is shown to `watch`.
///
/// # Errors
///
/// When no connection could be opened at all; what goes wrong later is counted.
pub(crate) fn run(plan: &RunPlan, stop: &Stop, watch: &mut dyn Watch) -> Result<LoadOutcome> {
    let start = plan.load_start().map_err(Error::msg)?;
    let shared = Arc::new(Shared::new(plan));
    let (reports, inbox) = mpsc::channel();
    let mut conductor = Conductor::new(&shared, start, stop, inbox, watch);
    if !plan.arguments.ramp.is_zero() && start.is_none() {
        // What opens late starts late.
        conductor.start();
    }
    for index in 0..plan.connections() {
        // Not scoped: one that waits for a name or a server when the run is
        // over is left behind.
        let shared = Arc::clone(&shared);
        let reports = Reports::new(&reports, index);
        if !spawn(move || drive(index, &shared, reports)) {
            conductor.lacks_thread();
        }
    }
    drop(reports);
    conductor.conduct()
}

/// Starts a connection's thread; returns whether there was one for it.
fn spawn(drive: impl FnOnce() + Send + 'static) -> bool {
    thread::Builder::new()
        .name("connection".to_owned())
        .stack_size(STACK_BYTES)
        .spawn(drive)
        .is_ok()
}

/// What the threads of a run share.
struct Shared {
    plan: RunPlan,
    gate: Gate,
    window: Window,
    /// Whether the load began after it was to: what was due before is not sent.
    is_late: AtomicBool,
    /// Replies are not waited for any more.
    is_abandoned: AtomicBool,
    shards: [Shard; SHARDS],
    slowest: Slowest,
    connects: Connects,
    body: Vec<u8>,
}

impl Shared {
    fn new(plan: &RunPlan) -> Self {
        let has_schedule = plan.pace() != Pace::Closed;
        let largest = usize::try_from(plan.sizes.largest()).unwrap_or(usize::MAX);
        let from_ns = nanos(plan.arguments.warmup);
        let duration = plan.arguments.duration;
        let end_ns = duration.map(|duration| from_ns.saturating_add(nanos(duration)));
        Self {
            plan: plan.clone(),
            gate: Gate::default(),
            window: Window::new(from_ns, end_ns),
            is_late: AtomicBool::new(false),
            is_abandoned: AtomicBool::new(false),
            shards: std::array::from_fn(|_| Shard::new(has_schedule)),
            slowest: Slowest::default(),
            connects: Connects::default(),
            // Another rank's bytes behind a mark of ours are wrong, too.
            body: payload::body(
                largest,
                plan.arguments.seed.wrapping_add(plan.rank.rank()),
                plan.arguments.entropy,
            ),
        }
    }

    /// Where connection `index` puts its samples.
    fn shard(&self, index: u64) -> &Shard {
        &self.shards[usize::try_from(index).unwrap_or(0) % SHARDS]
    }
}

/// An open connection. On cache lines of its own: its thread writes here at
/// every reply.
#[repr(align(64))]
struct Link {
    stream: Stream,
    index: u64,
    /// `None` when the peer was gone before it could be asked for them.
    ends: Option<Ends>,
    /// Segments that were retransmitted, and those of them that were spurious.
    sent_again: [Gauge; 2],
    /// When the next message in order was sent, in nanoseconds since the load
    /// began, plus one; zero when none is in flight.
    waiting_since: Gauge,
    /// Set when that message is given up, before the stream is shut down.
    overdue: AtomicBool,
    in_flight: Gauge,
    failures: Gauge,
}

impl Link {
    fn new(index: u64, stream: Stream) -> Self {
        let ends = stream.addrs().ok();
        Self {
            stream,
            index,
            ends: ends.map(sock_diag::key),
            sent_again: Default::default(),
            waiting_since: Gauge::default(),
            overdue: AtomicBool::new(false),
            in_flight: Gauge::default(),
            failures: Gauge::default(),
        }
    }

    /// Notes what its ends have sent again, as far as they are known: segments
    /// retransmitted, and those of them that were spurious. Returns the increases.
    fn note_sent_again(&self, ends: [Option<&TcpInfo>; 2]) -> [u64; 2] {
        let counts: [fn(&TcpInfo) -> u32; 2] = [|end| end.retransmitted, |end| end.spurious];
        std::array::from_fn(|kind| {
            let count = ends
                .iter()
                .flatten()
                .map(|end| u64::from(counts[kind](end)));
            let count: u64 = count.sum();
            let before = self.sent_again[kind].replace(count);
            count.saturating_sub(before)
        })
    }

    /// The server's end first, if that is on this host.
    fn peer_on_this_host(&self) -> Option<Ends> {
        let [own, peer] = self.ends?;
        self.stream.is_same_host().then_some([peer, own])
    }
}

/// A number that one thread sets and another samples. Relaxed: it orders
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

    fn replace(&self, value: u64) -> u64 {
        let before = self.load();
        self.store(value);
        before
    }
}

/// What a connection's thread says.
enum ThreadReport {
    /// It could or could not open its connection.
    Opened(Result<Arc<Link>>),
    /// It has closed its connection and opened another.
    Reopened(Arc<Link>),
    /// It sends no more, and waits for nothing.
    Done(Box<Done>),
}

/// What one connection brought, its samples left out.
struct Done {
    index: u64,
    failures: Failures,
    tally: ConnectionOutcome,
    /// When its last reply or its failure came.
    last_ns: u64,
    /// Messages that it was still to send, and when.
    left: u64,
    schedule: Option<Schedule>,
}

impl Done {
    /// One that sent nothing, and will not.
    fn nothing(index: u64) -> Self {
        Self {
            index,
            failures: Failures::default(),
            tally: ConnectionOutcome::default(),
            last_ns: 0,
            left: 0,
            schedule: None,
        }
    }
}

/// One connection's thread.
fn drive(index: u64, shared: &Shared, mut reports: Reports) {
    let plan = &shared.plan;
    if !plan.arguments.ramp.is_zero() && !shared.gate.wait_for_ramp(plan.opening(index)) {
        return;
    }
    tracing::debug!("connecting to {}", plan.client.dialer.host);
    let dialled = plan.dialer(index).dial_while(|| !shared.gate.is_over());
    if shared.gate.is_over() {
        return;
    }
    let stream = match dialled {
        Ok(stream) => stream,
        Err(error) => return reports.opened(Err(error.into())),
    };
    let link = Arc::new(Link::new(index, stream));
    reports.opened(Ok(Arc::clone(&link)));
    if let Some(clock) = shared.gate.wait() {
        reports.done(converse(clock, link, shared, &reports));
    }
}

/// What a connection's thread has to say, and says even if it panics: the
/// conductor would wait for it.
struct Reports {
    to_conductor: Sender<ThreadReport>,
    index: u64,
    is_open: bool,
}

impl Reports {
    fn new(to_conductor: &Sender<ThreadReport>, index: u64) -> Self {
        Self {
            to_conductor: to_conductor.clone(),
            index,
            is_open: false,
        }
    }

    fn opened(&mut self, opened: Result<Arc<Link>>) {
        self.is_open = opened.is_ok();
        self.send(ThreadReport::Opened(opened));
    }

    fn reopened(&self, link: Arc<Link>) {
        self.send(ThreadReport::Reopened(link));
    }

    fn done(&self, done: Done) {
        self.send(ThreadReport::Done(Box::new(done)));
    }

    fn send(&self, report: ThreadReport) {
        // The other end is gone only once the run is over.
        let _ = self.to_conductor.send(report);
    }
}

impl Drop for Reports {
    fn drop(&mut self) {
        if !thread::panicking() {
            return;
        }
        if self.is_open {
            let mut done = Done::nothing(self.index);
            done.failures.add(Failure::IoError);
            self.done(done);
        } else {
            self.opened(Err(anyhow!("the connection's thread panicked")));
        }
    }
}

fn converse(clock: Clock, link: Arc<Link>, shared: &Shared, reports: &Reports) -> Done {
    let index = link.index;
    let mut done = Done::nothing(index);
    let Ok(mut connection) = LoadConnection::new(shared, clock, link, reports) else {
        done.failures.add(Failure::IoError);
        return done;
    };
    let outcome = connection.run();
    done.last_ns = clock.now_ns();
    let is_abandoned = shared.is_abandoned.load(Ordering::Relaxed);
    let (ending, failure) = match outcome {
        Ok(()) => (FlightEnd::Interrupted, None),
        Err(_) if is_abandoned => (FlightEnd::Interrupted, None),
        // Each message in flight is one.
        Err(Failure::Timeout) => (FlightEnd::TimedOut, None),
        Err(failure) => (FlightEnd::Lost, Some(failure)),
    };
    connection.replies.end(done.last_ns, ending);
    connection.note_cpu();
    done.tally = connection.replies.tally;
    done.failures = connection.replies.failures;
    if let Some(failure) = failure {
        done.failures.add(failure);
    }
    let link = &connection.link;
    link.failures.store(done.failures.total());
    link.in_flight.store(0);
    link.waiting_since.store(0);
    done.left = connection.left;
    done.schedule = Some(connection.schedule);
    done
}

/// What kept a connection from opening.
fn dial_failure(error: &Error) -> Failure {
    let dialled: Option<&transport::Error> = error.downcast_ref();
    match dialled.and_then(transport::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => Failure::Refused,
        _ => Failure::Connect,
    }
}
