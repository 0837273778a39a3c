//! The whole load: open all connections, let them run, end them, add up.

use std::{
    io,
    net::Shutdown,
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Error, Result, anyhow};
use proto::qps::{self, Counter};
use transport::Stream;

use crate::{
    args::Plan,
    connection::Connection,
    stats::{Failure, Stats},
};

/// Stack of a connection's thread; buffers and histograms are on the heap.
const STACK_BYTES: usize = 256 * 1024;

/// How often the run looks whether it should end.
const TICK: Duration = Duration::from_millis(50);

/// Time between two lines of progress.
const PROGRESS: Duration = Duration::from_secs(1);

/// How long the last replies may take once the run is to end.
const GRACE: Duration = Duration::from_secs(1);

/// What a run brought.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) stats: Stats,
    /// From the common start to the end: the last reply, or the end that was
    /// asked for, whichever is later.
    pub(crate) elapsed: Duration,
}

/// Runs the load until its duration, its number of messages or `stop` ends it.
///
/// # Errors
///
/// When no connection could be opened at all; what goes wrong later is counted.
pub(crate) fn run(plan: &Plan, stop: &AtomicBool) -> Result<Outcome> {
    let shared = Shared::default();
    thread::scope(|scope| {
        let (reports, inbox) = mpsc::channel();
        let mut stats = Stats::new();
        for index in 0..plan.connections {
            let (shared, reports) = (&shared, reports.clone());
            let spawned = thread::Builder::new()
                .name("connection".to_owned())
                .stack_size(STACK_BYTES)
                .spawn_scoped(scope, move || drive(plan, index, shared, &reports));
            if spawned.is_err() {
                stats.failures.add(Failure::Thread);
            }
        }
        drop(reports);
        let links = open(plan, &inbox, &mut stats)?;
        Ok(conduct(plan, stop, &shared, &inbox, &links, stats))
    })
}

/// What the threads of a run share.
#[derive(Default)]
struct Shared {
    gate: Gate,
    /// No further message is to be sent.
    ending: AtomicBool,
}

/// Holds every connection back until all are open.
#[derive(Default)]
struct Gate {
    start: Mutex<Option<Instant>>,
    opened: Condvar,
}

impl Gate {
    fn open(&self) -> Instant {
        let now = Instant::now();
        *self.start.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        self.opened.notify_all();
        now
    }

    fn wait(&self) {
        let start = self.start.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.opened.wait_while(start, |start| start.is_none());
        drop(waited);
    }
}

/// An open connection. On a cache line of its own: its thread counts at every
/// reply.
#[repr(align(64))]
struct Link {
    stream: Stream,
    replies: Counter,
}

/// What a connection's thread says.
enum Report {
    /// It could or could not open its connection.
    Opened(Result<Arc<Link>>),
    /// It sends no more; the time is that of its last reply or failure.
    Done(Box<Stats>, Instant),
}

/// One connection's thread.
fn drive(plan: &Plan, index: u64, shared: &Shared, reports: &Sender<Report>) {
    // Nobody listens only once the run is over.
    let report = |report| drop(reports.send(report));
    let stream = match plan.server.dial() {
        Ok(stream) => stream,
        Err(error) => return report(Report::Opened(Err(error))),
    };
    let link = Arc::new(Link {
        stream,
        replies: Counter::new(),
    });
    report(Report::Opened(Ok(Arc::clone(&link))));
    shared.gate.wait();
    let (stats, last) = converse(plan, share(plan, index), &link, &shared.ending);
    report(Report::Done(Box::new(stats), last));
}

/// How many of the messages are this connection's.
fn share(plan: &Plan, index: u64) -> u64 {
    match plan.requests {
        Some(all) => all / plan.connections + u64::from(index < all % plan.connections),
        None => u64::MAX,
    }
}

/// The closed loop: the next message goes out when the last reply is in.
fn converse(plan: &Plan, messages: u64, link: &Link, ending: &AtomicBool) -> (Stats, Instant) {
    let mut stats = Stats::new();
    let mut start = Instant::now();
    let Ok(mut connection) = Connection::new(&link.stream, plan) else {
        stats.failures.add(Failure::Lost);
        return (stats, start);
    };
    for _ in 0..messages {
        if ending.load(Ordering::Relaxed) {
            break;
        }
        let reply = connection.round_trip(start);
        // One look at the clock ends this round trip and starts the next.
        let now = Instant::now();
        match reply {
            Ok(()) => {
                stats.latencies.record(now.duration_since(start));
                link.replies.add(1);
            }
            Err(_) if ending.load(Ordering::Relaxed) => {
                stats.unanswered += 1;
                break;
            }
            Err(failure) => {
                stats.failures.add(failure);
                // After any other, replies can no longer be told apart.
                if failure != Failure::Wrong {
                    start = now;
                    break;
                }
            }
        }
        start = now;
    }
    stats.writes = connection.writes;
    stats.reads = connection.reads;
    (stats, start)
}

/// Collects the connections, and what kept others from opening.
fn open(plan: &Plan, inbox: &Receiver<Report>, stats: &mut Stats) -> Result<Vec<Arc<Link>>> {
    let mut links = Vec::new();
    let mut first_error = None;
    for _ in stats.failures.total()..plan.connections {
        match inbox.recv() {
            Ok(Report::Opened(Ok(link))) => links.push(link),
            Ok(Report::Opened(Err(error))) => {
                stats.failures.add(dial_failure(&error));
                first_error.get_or_insert(error);
            }
            // The gate is still closed, and a thread that panicked has said so.
            Ok(Report::Done(..)) | Err(_) => {}
        }
    }
    stats.connections = links.len() as u64;
    match first_error {
        Some(error) if links.is_empty() => return Err(error),
        Some(error) => tracing::warn!(
            "{} of {} connections: {error:#}",
            links.len(),
            plan.connections
        ),
        None if links.is_empty() => return Err(anyhow!("no thread could be started")),
        None => {}
    }
    Ok(links)
}

fn dial_failure(error: &Error) -> Failure {
    match error.downcast_ref::<io::Error>() {
        Some(error) if error.kind() == io::ErrorKind::ConnectionRefused => Failure::Refused,
        _ => Failure::Connect,
    }
}

/// Starts the load, reports on it every second and ends it.
fn conduct(
    plan: &Plan,
    stop: &AtomicBool,
    shared: &Shared,
    inbox: &Receiver<Report>,
    links: &[Arc<Link>],
    mut stats: Stats,
) -> Outcome {
    let start = shared.gate.open();
    let mut progress = Progress {
        links,
        since: start,
    };
    let mut running = links.len();
    let mut end = None;
    let mut last_reply = start;
    while running > 0 {
        let to_end = plan
            .duration
            .map_or(TICK, |duration| duration.saturating_sub(start.elapsed()));
        let wait = if end.is_none() {
            TICK.min(to_end)
        } else {
            TICK
        };
        match inbox.recv_timeout(wait) {
            Ok(Report::Done(more, last)) => {
                stats.merge(&more);
                last_reply = last_reply.max(last);
                running -= 1;
            }
            Ok(Report::Opened(_)) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        let now = Instant::now();
        progress.tick(now, running);
        match end {
            None => {
                let is_over = plan
                    .duration
                    .is_some_and(|duration| now - start >= duration);
                if is_over || stop.load(Ordering::Relaxed) {
                    shared.ending.store(true, Ordering::Relaxed);
                    end = Some(now);
                }
            }
            // Wakes the threads that still wait for a reply.
            Some(end) if now - end >= GRACE => {
                for link in links {
                    let _ = link.stream.shutdown(Shutdown::Both);
                }
            }
            Some(_) => {}
        }
    }
    Outcome {
        stats,
        elapsed: last_reply.max(end.unwrap_or(start)) - start,
    }
}

/// A line every second.
struct Progress<'a> {
    links: &'a [Arc<Link>],
    since: Instant,
}

impl Progress<'_> {
    fn tick(&mut self, now: Instant, running: usize) {
        let elapsed = now - self.since;
        if elapsed >= PROGRESS {
            let replies = self.links.iter().map(|link| link.replies.take()).sum();
            tracing::info!(
                "Queries Per Second: {:.0} ({running} connections)",
                qps::rate(replies, elapsed)
            );
            self.since = now;
        }
    }
}
