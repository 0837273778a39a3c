//! The whole load: open all connections, let them run, end them, add up.
//!
//! | file | what |
//! | --- | --- |
//! | `connection` | one connection's loop |
//! | `schedule` | when its messages are meant to be sent |
//! | `arrivals` | the same, at random |
//! | `payload` | what they say |
//! | `replies` | what is in flight, and the verification of replies |
//! | `failure` | what can go wrong |
//! | `bulk` | a load beside it |
//! | `connects` | connections that follow one another |
//! | `window` | the part of the run that is measured |
//! | `clock` | time since the load began |
//! | `measured` | the samples of a run, or of a part of it |
//! | `recorder` | from the threads to the figures |
//! | `slices` | the samples in slices of time |
//! | `outbox` | what is composed and not yet sent |
//! | `shared` | what the threads of a run share |
//! | `link` | an open connection, as several threads see it |
//! | `reports` | what a connection's thread reports to the conductor |
//! | `lock` | locks that ignore poisoning |
//! | `gate` | holds connections back until the load begins |
//! | `kernel` | the connections as the kernel sees them |
//! | `slowest` | the slowest messages, and what was seen around each |
//! | `conductor` | the thread that starts, samples and ends them |
//! | `usage` | CPU time as that thread sees it |
//! | `watch` | what is shown of it meanwhile |

use std::{
    sync::{Arc, atomic::Ordering, mpsc},
    thread,
};

use anyhow::{Error, Result};
use bench_report::LoadOutcome;
use cli::signals::Stop;

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
mod link;
mod lock;
mod measured;
mod outbox;
mod payload;
mod recorder;
mod replies;
mod reports;
mod schedule;
mod shared;
mod slices;
mod slots;
mod slowest;
mod usage;
mod watch;
mod window;

use bulk::Bulk;
use clock::Clock;
use conductor::Conductor;
use connection::LoadConnection;
use connects::Connects;
use failure::{Failure, Failures};
use gate::Gate;
use link::Link;
pub(crate) use payload::MAX_CONNECTIONS;
use recorder::Shard;
use replies::FlightEnd;
use reports::{Done, Reports, ThreadReport};
use schedule::Schedule;
use shared::Shared;
use slowest::Slowest;
pub(crate) use watch::{Unwatched, Watch};
use window::Window;

use crate::plan::RunPlan;

/// Stack of a connection's thread; buffers are on the heap.
const STACK_BYTES: usize = 256 * 1024;

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
