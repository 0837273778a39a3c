//! The loop that takes connections, whatever accept says.

use std::{
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
    accept_queue::{ACCEPT_TIMES_OUT, AcceptError, Queue, STOP_CHECK},
    close::CloseReason,
    connection::{self, ServerSettings},
    limits::MaxConnections,
    memory::check_headroom,
    registry::Registry,
};

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
    settings: Arc<ServerSettings>,
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
            settings: Arc::new(ServerSettings::from(config)),
            stop,
            max_memory: config.max_memory,
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
    let mut refused = Refused::default();
    while !stop.is_stopped() {
        let arrival = match queue.next() {
            Ok(Some((stream, _))) if registry.live() >= max.connections => {
                drop(stream);
                registry.refuse(CloseReason::Limit);
                refused.another(max);
                continue;
            }
            Ok(Some((stream, peer))) => spawn(stream, peer, &settings, registry),
            Ok(None) => continue,
            Err(error) => Err(error),
        };
        match arrival {
            Ok(()) => backoff.over(),
            Err(AcceptError::Peer(error)) => tracing::debug!("connection lost: {error}"),
            Err(AcceptError::Machine(what)) => backoff.pause(&what),
        }
    }
    // Clients in the queue believe that they are connected: serve them. No
    // more than one full queue, or newcomers could keep a server from stopping.
    let mut complained = None;
    for (stream, peer) in queue.close() {
        if registry.live() >= max.connections {
            registry.refuse(CloseReason::Limit);
        } else if let Err(AcceptError::Machine(what)) = spawn(stream, peer, &settings, registry)
            && is_due(&mut complained)
        {
            tracing::error!("{what}");
        }
    }
}

fn spawn(
    stream: TcpStream,
    peer: SocketAddr,
    settings: &Arc<ServerSettings>,
    registry: &Arc<Registry>,
) -> Result<(), AcceptError> {
    let stream = prepare(&stream, settings.socket)
        .and_then(|()| settings.encrypt(stream))
        .map_err(|error| {
            registry.refuse(CloseReason::Reset);
            AcceptError::Peer(error)
        })?;
    if let Err(no_memory) = check_headroom(0) {
        registry.refuse(CloseReason::Memory);
        return Err(AcceptError::Machine(format!("{peer} closed: {no_memory}")));
    }
    let live = registry.register(stream, peer);
    let settings = Arc::clone(settings);
    thread::Builder::new()
        .name("connection".to_owned())
        .stack_size(STACK_BYTES)
        .spawn(move || connection::serve(&live.on_thread(), &settings))
        .map(drop)
        // Kind WouldBlock here means EAGAIN: out of threads, not a timeout.
        .map_err(|error| AcceptError::Machine(format!("no thread for {peer}, closed: {error}")))
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

/// Pauses that grow while backoff lasts, and complaints that do not flood.
#[derive(Default)]
struct Backoff {
    pause: Option<Duration>,
    complained: Option<Instant>,
}

impl Backoff {
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
        let addr = listener.local_addr().unwrap();
        let acceptor = Acceptor::new(listener, &config, StopHandle::default()).unwrap();
        let mut queue = Queue::new(acceptor.listener);
        let _client = TcpStream::connect(addr).unwrap();
        let Ok(Some((stream, _))) = queue.next() else {
            panic!("nobody came");
        };
        prepare(&stream, config.socket).unwrap();
        assert_eq!(stream.read_timeout().unwrap(), None);
        assert!(stream.nodelay().unwrap());
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
