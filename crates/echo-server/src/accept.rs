//! The loop that takes connections, whatever accept says.

use std::{
    collections::VecDeque,
    io,
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use socket2::SockRef;
use transport::SocketOptions;

use crate::{
    Config, StopHandle,
    close::Close,
    connection::{self, Plan},
    limits::MaxConnections,
    memory::check_headroom,
    registry::Registry,
};

/// How often a quiet acceptor looks whether it was stopped.
const STOP_CHECK: Duration = Duration::from_millis(100);

/// Whether accept can wait for a limited time: Linux applies a receive timeout
/// to it (socket(7)). Elsewhere the listener is asked now and then.
const ACCEPT_TIMES_OUT: bool = cfg!(target_os = "linux");

/// Most connections that wait for a thread. They hold a descriptor each.
const LONGEST_QUEUE: usize = 16 * 1024;

/// Stack of a connection's thread. Its buffer is on the heap; logging is the
/// deepest it ever goes. Only touched pages are resident.
const STACK_BYTES: usize = 256 * 1024;

/// First and longest pause when the machine is out of something. The
/// connection stays in the kernel's queue, so accept would fail again at once.
const PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// Least time between two complaints about exhaustion.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Acceptor {
    listener: TcpListener,
    plan: Arc<Plan>,
    max: MaxConnections,
    pub(crate) stop: StopHandle,
    max_memory: u64,
}

impl Acceptor {
    /// The limits, in words.
    pub(crate) fn limits(&self) -> String {
        let Self {
            max, max_memory, ..
        } = self;
        format!("at most {max}; read buffers of at most {max_memory} bytes")
    }

    pub(crate) fn new(listener: TcpListener, config: &Config, stop: StopHandle) -> Result<Self> {
        if ACCEPT_TIMES_OUT {
            SockRef::from(&listener)
                .set_read_timeout(Some(STOP_CHECK))
                .context("cannot set up the listener")?;
        }
        Ok(Self {
            listener,
            max: MaxConnections::new(config.max_connections),
            plan: Arc::new(Plan::from(config)),
            stop,
            max_memory: config.max_memory,
        })
    }
}

/// Accepts until stopped, then takes what is queued and closes the listener.
pub(crate) fn run(acceptor: Acceptor, registry: &Arc<Registry>) {
    let Acceptor {
        listener,
        plan,
        max,
        stop,
        ..
    } = acceptor;
    let mut queue = Queue::new(listener);
    let mut exhaustion = Exhaustion::default();
    let mut refused = Refused::default();
    while !stop.is_stopped() {
        let arrival = match queue.next() {
            Ok(Some((stream, _))) if registry.live() >= max.connections => {
                drop(stream);
                registry.refuse(Close::Limit);
                refused.another(max);
                continue;
            }
            Ok(Some((stream, peer))) => spawn(stream, peer, &plan, registry),
            Ok(None) => continue,
            Err(error) => Err(error),
        };
        match arrival {
            Ok(()) => exhaustion.over(),
            Err(Trouble::Peer(error)) => tracing::debug!("connection lost: {error}"),
            Err(Trouble::Machine(what)) => exhaustion.pause(&what),
        }
    }
    // Clients in the queue believe that they are connected: serve them. No
    // more than one full queue, or newcomers could keep a server from stopping.
    for (stream, peer) in queue.close() {
        if registry.live() >= max.connections {
            registry.refuse(Close::Limit);
        } else if let Err(Trouble::Machine(what)) = spawn(stream, peer, &plan, registry) {
            tracing::error!("{what}");
        }
    }
}

/// Connections that were accepted and have no thread yet.
///
/// Starting a thread takes longer than a client takes to connect, so a burst
/// would overflow the kernel's queue, and every client too many waits a whole
/// second for its retransmission. Accepting is quick: whatever is queued in
/// the kernel is taken before the next thread is started.
struct Queue {
    listener: TcpListener,
    is_blocking: bool,
    accepted: VecDeque<(TcpStream, SocketAddr)>,
}

impl Queue {
    const fn new(listener: TcpListener) -> Self {
        Self {
            listener,
            is_blocking: true,
            accepted: VecDeque::new(),
        }
    }

    /// The next connection; `None` when nobody came for a while.
    fn next(&mut self) -> Result<Option<(TcpStream, SocketAddr)>, Trouble> {
        match self.accept_all(self.accepted.is_empty()) {
            // What the kernel has no room for now does not concern the others.
            Err(Trouble::Machine(_)) if !self.accepted.is_empty() => {}
            other => other?,
        }
        Ok(self.accepted.pop_front())
    }

    /// Takes all that the kernel has queued; waits for the first, if told to.
    fn accept_all(&mut self, wait: bool) -> Result<(), Trouble> {
        self.set_blocking(wait)?;
        loop {
            match self.listener.accept() {
                Ok(connection) => {
                    self.accepted.push_back(connection);
                    if self.accepted.len() >= LONGEST_QUEUE {
                        return Ok(());
                    }
                    self.set_blocking(false)?;
                }
                Err(error) if is_quiet(&error) => {
                    if wait && self.accepted.is_empty() && !ACCEPT_TIMES_OUT {
                        thread::sleep(STOP_CHECK / 10);
                    }
                    return Ok(());
                }
                Err(error) => return Err(Trouble::of_accept(error)),
            }
        }
    }

    /// Lets accept wait, for [`STOP_CHECK`] at most, or not at all.
    fn set_blocking(&mut self, blocking: bool) -> Result<(), Trouble> {
        let blocking = blocking && ACCEPT_TIMES_OUT;
        if blocking != self.is_blocking {
            self.listener
                .set_nonblocking(!blocking)
                .map_err(Trouble::of_accept)?;
            self.is_blocking = blocking;
        }
        Ok(())
    }

    /// Closes the listener and returns who came before that.
    fn close(mut self) -> VecDeque<(TcpStream, SocketAddr)> {
        while self.accepted.len() < LONGEST_QUEUE {
            match self.accept_all(false) {
                Err(Trouble::Peer(_)) => {}
                Ok(()) | Err(Trouble::Machine(_)) => break,
            }
        }
        self.accepted
    }
}

/// Whether accept woke up for nothing.
fn is_quiet(error: &io::Error) -> bool {
    transport::is_timeout(error) || error.kind() == io::ErrorKind::Interrupted
}

/// Why there is no new connection.
enum Trouble {
    /// It was gone before it was accepted.
    Peer(io::Error),
    /// The machine is out of descriptors, memory or threads.
    Machine(String),
}

impl Trouble {
    fn of_accept(error: io::Error) -> Self {
        use io::ErrorKind as Kind;

        match error.kind() {
            // accept(2): already pending network errors of the new connection.
            Kind::ConnectionAborted
            | Kind::ConnectionReset
            | Kind::PermissionDenied
            | Kind::NetworkDown
            | Kind::NetworkUnreachable
            | Kind::HostUnreachable => Self::Peer(error),
            _ if is_protocol_error(&error) => Self::Peer(error),
            // EMFILE, ENFILE, ENOBUFS, ENOMEM, and whatever is not known:
            // pausing is right for all that may last.
            _ => Self::Machine(format!("accept failed: {error}")),
        }
    }
}

/// Network errors of the new connection that std has no kind for, by their
/// Linux numbers: EPROTO, ENONET, ENOPROTOOPT, EOPNOTSUPP, EHOSTDOWN.
fn is_protocol_error(error: &io::Error) -> bool {
    cfg!(target_os = "linux") && matches!(error.raw_os_error(), Some(71 | 64 | 92 | 95 | 112))
}

fn spawn(
    stream: TcpStream,
    peer: SocketAddr,
    plan: &Arc<Plan>,
    registry: &Arc<Registry>,
) -> Result<(), Trouble> {
    let stream = prepare(&stream, plan.socket)
        .and_then(|()| plan.tls.over(stream))
        .map_err(|error| {
            registry.refuse(Close::Reset);
            Trouble::Peer(error)
        })?;
    if let Err(no_memory) = check_headroom() {
        registry.refuse(Close::Memory);
        return Err(Trouble::Machine(format!("{peer} closed: {no_memory}")));
    }
    let live = registry.register(stream, peer);
    let plan = Arc::clone(plan);
    thread::Builder::new()
        .name("connection".to_owned())
        .stack_size(STACK_BYTES)
        .spawn(move || connection::serve(&live.on_thread(), &plan))
        .map(drop)
        // Kind WouldBlock here means EAGAIN: out of threads, not a timeout.
        .map_err(|error| Trouble::Machine(format!("no thread for {peer}, closed: {error}")))
}

fn prepare(stream: &TcpStream, options: SocketOptions) -> io::Result<()> {
    // What the listener was set to is inherited: the timeout on Linux, being
    // non-blocking elsewhere.
    if ACCEPT_TIMES_OUT {
        stream.set_read_timeout(None)?;
    } else {
        stream.set_nonblocking(false)?;
    }
    options.set_connected(stream)
}

/// Connections that were closed because there were too many, and complaints
/// about them that do not flood.
#[derive(Default)]
struct Refused {
    since_complaint: u64,
    complained: Option<Instant>,
}

impl Refused {
    fn another(&mut self, max: MaxConnections) {
        self.since_complaint += 1;
        if is_due(&mut self.complained) {
            let refused = std::mem::take(&mut self.since_complaint);
            tracing::warn!("{refused} connections closed at once: there are {max}");
        }
    }
}

/// Whether the last complaint is long enough ago for another.
fn is_due(complained: &mut Option<Instant>) -> bool {
    let now = Instant::now();
    let is_due = complained.is_none_or(|last| now.duration_since(last) >= COMPLAINT_INTERVAL);
    if is_due {
        *complained = Some(now);
    }
    is_due
}

/// Pauses that grow while exhaustion lasts, and complaints that do not flood.
#[derive(Default)]
struct Exhaustion {
    pause: Option<Duration>,
    complained: Option<Instant>,
}

impl Exhaustion {
    fn over(&mut self) {
        self.pause = None;
    }

    fn pause(&mut self, what: &str) {
        let pause = self.pause.map_or(PAUSE, |pause| pause * 2);
        let pause = pause.min(LONGEST_PAUSE);
        if is_due(&mut self.complained) {
            tracing::error!("{what}; trying again every {LONGEST_PAUSE:?}");
        }
        thread::sleep(pause);
        self.pause = Some(pause);
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
#[allow(clippy::panic, clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_accepted_connection_waits_for_ever_and_holds_nothing_back() {
        let config = Config::default();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let acceptor = Acceptor::new(listener, &config, StopHandle::default()).unwrap();
        let mut queue = Queue::new(acceptor.listener);
        let _client = TcpStream::connect(queue.listener.local_addr().unwrap()).unwrap();
        let Ok(Some((stream, _))) = queue.next() else {
            panic!("nobody came");
        };
        prepare(&stream, config.socket).unwrap();
        assert_eq!(stream.read_timeout().unwrap(), None);
        assert!(stream.nodelay().unwrap());
    }

    #[test]
    fn errors_of_accept_are_told_apart() {
        for errno in [103, 104, 71, 1, 100, 101, 113, 112, 64, 92, 95] {
            let trouble = Trouble::of_accept(io::Error::from_raw_os_error(errno));
            assert!(matches!(trouble, Trouble::Peer(_)), "{errno}");
        }
        for errno in [24, 23, 105, 12] {
            let trouble = Trouble::of_accept(io::Error::from_raw_os_error(errno));
            assert!(matches!(trouble, Trouble::Machine(_)), "{errno}");
        }
        for errno in [11, 4] {
            assert!(is_quiet(&io::Error::from_raw_os_error(errno)), "{errno}");
        }
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_start_anew() {
        let mut exhaustion = Exhaustion::default();
        let mut pauses = Vec::new();
        for _ in 0..5 {
            exhaustion.pause("out of everything");
            pauses.push(exhaustion.pause.map_or(0, |pause| pause.as_millis()));
        }
        assert_eq!(pauses, [10, 20, 40, 80, 100]);
        exhaustion.over();
        assert_eq!(exhaustion.pause, None);
    }
}
