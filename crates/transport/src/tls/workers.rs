//! Threads that compute a server's handshakes.
//!
//! A handshake takes a deep stack and many short-lived allocations. On a
//! connection's thread both would stay resident for the connection's life: a
//! page or two of stack, and malloc's per-thread cache, 10 KiB together.

use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
        mpsc::{self, Sender, SyncSender},
    },
    thread,
};

use super::{incoming::Incoming, session::TlsSession};

/// Stack of a worker, in bytes: the same as a connection's thread.
const STACK: usize = 256 * 1024;

/// A handshake sent to a worker and back.
struct Job {
    session: TlsSession,
    incoming: Incoming,
    reply: SyncSender<(TlsSession, Incoming)>,
}

/// Advances a handshake as far as the received bytes allow. Waits for no peer,
/// only for handshakes queued earlier.
pub(super) fn advance(session: &mut TlsSession, incoming: &mut Incoming) {
    if !session.is_server() {
        // A client has few connections, and it sends first.
        return incoming.advance_handshake(session);
    }
    if incoming.unread() == 0 {
        return;
    }
    let Some(worker) = next_worker() else {
        return incoming.advance_handshake(session);
    };
    let (reply, replies) = mpsc::sync_channel(1);
    let job = Job {
        session: mem::replace(session, TlsSession::gone()),
        incoming: mem::take(incoming),
        reply,
    };
    if let Err(mpsc::SendError(job)) = worker.send(job) {
        (*session, *incoming) = (job.session, job.incoming);
        incoming.advance_handshake(session);
    } else if let Ok(back) = replies.recv() {
        (*session, *incoming) = back;
    } else {
        // The worker panicked; the placeholder session returns an error.
        incoming.advance_handshake(session);
    }
}

/// The next worker, in turn: one shared queue would wake two per job. `None` if
/// no thread could be started.
fn next_worker() -> Option<&'static Sender<Job>> {
    static WORKERS: OnceLock<Vec<Sender<Job>>> = OnceLock::new();
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let workers = WORKERS.get_or_init(|| {
        let count = thread::available_parallelism().map_or(1, usize::from);
        (0..count).map_while(|_| start()).collect()
    });
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    workers.get(next.checked_rem(workers.len())?)
}

fn start() -> Option<Sender<Job>> {
    let (sender, jobs) = mpsc::channel();
    thread::Builder::new()
        .name("handshake".to_owned())
        .stack_size(STACK)
        .spawn(move || jobs.iter().for_each(work))
        .ok()
        .map(|_| sender)
}

fn work(job: Job) {
    let Job {
        mut session,
        mut incoming,
        reply,
    } = job;
    // The panic has been printed, and the missing reply reports it.
    let _ = catch_unwind(AssertUnwindSafe(move || {
        incoming.advance_handshake(&mut session);
        let _ = reply.send((session, incoming));
    }));
}
