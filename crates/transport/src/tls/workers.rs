//! Threads that do the arithmetic of a server's handshakes.
//!
//! It takes a deep stack and many short-lived allocations. On the thread of a
//! connection both would stay resident for the connection's life: a page or two
//! of stack, and what malloc keeps at hand for each thread, 10 KiB together.

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

/// Stack of such a thread, in bytes: what the threads of connections have.
const STACK: usize = 256 * 1024;

/// A handshake on its way to a worker and back.
struct Job {
    session: TlsSession,
    incoming: Incoming,
    reply: SyncSender<(TlsSession, Incoming)>,
}

/// Goes on with a handshake as far as what has arrived allows. Waits for no
/// peer, only for the handshakes of others that came before.
pub(super) fn advance(session: &mut TlsSession, incoming: &mut Incoming) {
    if !session.is_server() {
        // A client has few connections, and it speaks first.
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
        // It has panicked; the session that is gone says so.
        incoming.advance_handshake(session);
    }
}

/// The next one, in turn: a queue for all would wake two for each job. `None`
/// when the system gives no threads.
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
    // The panic has been printed, and no reply shows that there was one.
    let _ = catch_unwind(AssertUnwindSafe(move || {
        incoming.advance_handshake(&mut session);
        let _ = reply.send((session, incoming));
    }));
}
