//! The accept loop, which survives every error of accept.

use std::{
    io,
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use transport::{SocketOptions, Waker};

use crate::{
    Config, Error,
    accept_queue::{AcceptError, Queue},
    close::CloseReason,
    connection::{self, ServerSettings},
    limits::MaxConnections,
    memory::check_headroom,
    registry::Registry,
    units::{ByteSize, Time},
    warnings::Throttle,
};

/// Stack of a connection's thread, in bytes. Its buffer is on the heap; logging
/// needs the most stack. Only touched pages are resident.
const STACK_BYTES: usize = 256 * 1024;

/// First and longest pause when the machine is out of a resource. The
/// connection stays in the kernel's queue, so accept would fail again at once.
const PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// How long a new connection waits at the limit: a connection that has just
/// ended may not be joined yet.
const LEAVING: Duration = Duration::from_millis(200);

#[derive(Debug)]
pub(crate) struct Acceptor {
    listener: TcpListener,
    pub(crate) settings: Arc<ServerSettings>,
    max: MaxConnections,
    stop: Arc<Waker>,
}

impl Acceptor {
    /// The limits as text.
    pub(crate) fn limits(&self) -> String {
        let memory = ByteSize(self.settings.config.max_memory);
        format!("at most {}; at most {memory} for their buffers", self.max)
    }

    /// For [`run`], which accepts from `listener` until `stop` is woken.
    pub(crate) fn new(
        listener: TcpListener,
        config: &Config,
        stop: Arc<Waker>,
    ) -> Result<Self, Error> {
        listener
            .set_nonblocking(true)
            .map_err(Error::system("set up the listener"))?;
        Ok(Self {
            listener,
            max: MaxConnections::new(config.max_connections),
            settings: Arc::new(ServerSettings::new(config)),
            stop,
        })
    }
}

/// Accepts until stopped, then takes what is queued and closes the listener.
pub(crate) fn run(acceptor: Acceptor, registry: &Arc<Registry>) {
    let Acceptor {
        listener,
        settings,
        max,
        stop,
        ..
    } = acceptor;
    let mut queue = Queue::new(listener);
    let mut backoff = Backoff::default();
    let mut places = Places::new(max);
    while !stop.is_woken() {
        let arrival = match queue.next(&stop) {
            Ok(Some((stream, peer))) if places.has_one(registry) => {
                spawn(stream, peer, &settings, registry)
            }
            Ok(Some((stream, peer))) => {
                drop(stream);
                refuse(peer, max, registry);
                continue;
            }
            Ok(None) => continue,
            Err(error) => Err(error),
        };
        match arrival {
            Ok(()) => backoff.over(),
            Err(AcceptError::Peer(error)) => tracing::debug!("connection lost: {error}"),
            Err(AcceptError::Machine(what)) => backoff.pause(&what),
        }
    }
    // Clients in the queue are already connected: serve them. Take at most one
    // full queue, or new clients could keep the server from stopping.
    for (stream, peer) in queue.close() {
        if !places.has_one(registry) {
            refuse(peer, max, registry);
        } else if let Err(AcceptError::Machine(what)) = spawn(stream, peer, &settings, registry) {
            backoff.complain(&what);
        }
    }
}

fn refuse(peer: SocketAddr, max: MaxConnections, registry: &Registry) {
    registry.refuse(CloseReason::Limit);
    let why = format_args!("refused {peer}: already at {max}");
    registry.warnings.warn(CloseReason::Limit, why);
}

fn spawn(
    stream: TcpStream,
    peer: SocketAddr,
    settings: &Arc<ServerSettings>,
    registry: &Arc<Registry>,
) -> Result<(), AcceptError> {
    let stream = prepare(&stream, settings.config.socket)
        .and_then(|()| settings.encrypt(stream))
        .map_err(|error| {
            registry.refuse(CloseReason::Reset);
            AcceptError::Peer(error)
        })?;
    if let Err(no_memory) = check_headroom(0) {
        registry.refuse(CloseReason::Memory);
        return Err(AcceptError::Machine(format!("{peer} closed: {no_memory}")));
    }
    let mut memory = settings.memory.share();
    if let Err(no_memory) = memory.reserve_session(&stream) {
        registry.refuse(CloseReason::Memory);
        let why = format_args!("refused {peer}: {no_memory}");
        registry.warnings.warn(CloseReason::Memory, why);
        return Ok(());
    }
    let guard = registry.register(stream, peer);
    let key = guard.key();
    let settings = Arc::clone(settings);
    let thread = thread::Builder::new()
        .name("connection".to_owned())
        .stack_size(STACK_BYTES)
        .spawn(move || {
            // Dropped after the guard, so the budget outlives the connection.
            let mut memory = memory;
            let guard = guard.on_thread();
            connection::serve(&guard, &settings, &mut memory);
        })
        // Kind WouldBlock here means EAGAIN: out of threads, not a timeout.
        .map_err(|error| AcceptError::Machine(format!("no thread for {peer}, closed: {error}")))?;
    registry.attach(key, thread);
    Ok(())
}

fn prepare(stream: &TcpStream, options: SocketOptions) -> io::Result<()> {
    // On some systems accepted sockets inherit non-blocking mode.
    if cfg!(not(target_os = "linux")) {
        stream.set_nonblocking(false)?;
    }
    options.set_connected(stream)
}

/// Free places below the connection limit.
struct Places {
    max: MaxConnections,
    /// [`Registry::left`] when a wait for a place last timed out. The next wait
    /// starts only after one more has left, so a flood is refused at once.
    left: Option<u64>,
}

impl Places {
    const fn new(max: MaxConnections) -> Self {
        Self { max, left: None }
    }

    /// Whether there is a place; at the limit, waits for a connection to leave.
    fn has_one(&mut self, registry: &Registry) -> bool {
        let Self { max, left } = self;
        if registry.live() < max.connections {
            return true;
        }
        if *left == Some(registry.left()) {
            return false;
        }
        let has_one = registry.wait_for_place(max.connections, LEAVING);
        if !has_one {
            *left = Some(registry.left());
        }
        has_one
    }
}

/// Growing pauses while the machine is out of a resource, and throttled errors.
#[derive(Default)]
struct Backoff {
    pause: Option<Duration>,
    complaints: Throttle,
}

impl Backoff {
    const fn over(&mut self) {
        self.pause = None;
    }

    fn complain(&mut self, what: &str) {
        if self.complaints.admit(Instant::now()).is_some() {
            tracing::error!("{what}; trying again every {}", Time(LONGEST_PAUSE));
        }
    }

    fn pause(&mut self, what: &str) {
        let pause = self.pause.map_or(PAUSE, |pause| pause * 2);
        let pause = pause.min(LONGEST_PAUSE);
        self.complain(what);
        thread::sleep(pause);
        self.pause = Some(pause);
    }
}

#[cfg(all(test, unix))]
#[allow(clippy::panic, clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_accepted_connection_blocks_without_timeout_or_delay() {
        let config = Config::default();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let stop = Arc::new(Waker::new().unwrap());
        let acceptor = Acceptor::new(listener, &config, Arc::clone(&stop)).unwrap();
        let mut queue = Queue::new(acceptor.listener);
        let _client = TcpStream::connect(addr).unwrap();
        let Ok(Some((stream, _))) = queue.next(&stop) else {
            panic!("nothing to accept");
        };
        prepare(&stream, config.socket).unwrap();
        assert_eq!(stream.read_timeout().unwrap(), None);
        assert!(stream.nodelay().unwrap());
        let flags = rustix::fs::fcntl_getfl(&stream).unwrap();
        assert!(!flags.contains(rustix::fs::OFlags::NONBLOCK));
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_start_anew() {
        let mut backoff = Backoff::default();
        let mut pauses = Vec::new();
        for _ in 0..5 {
            backoff.pause("out of everything");
            pauses.push(backoff.pause.map_or(0, |pause| pause.as_millis()));
        }
        assert_eq!(pauses, [10, 20, 40, 80, 100]);
        backoff.over();
        assert_eq!(backoff.pause, None);
    }
}
