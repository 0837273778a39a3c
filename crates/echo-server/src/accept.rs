//! The loop that takes connections, whatever accept says.

use std::{
    io,
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

use crate::{
    Config, StopHandle,
    connection::{self, Plan},
    registry::Registry,
};

/// How often a quiet acceptor looks whether it was stopped.
const STOP_CHECK: Duration = Duration::from_millis(100);

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
    plan: Plan,
    pub(crate) stop: StopHandle,
}

impl Acceptor {
    pub(crate) fn new(listener: TcpListener, config: &Config, stop: StopHandle) -> Result<Self> {
        wake_regularly(&listener).context("cannot set up the listener")?;
        Ok(Self {
            listener,
            plan: Plan::from(config),
            stop,
        })
    }
}

/// Makes accept return `WouldBlock` now and then, so that a stop is noticed.
fn wake_regularly(listener: &TcpListener) -> io::Result<()> {
    if cfg!(target_os = "linux") {
        // Linux applies a receive timeout to accept (socket(7)).
        socket2::SockRef::from(listener).set_read_timeout(Some(STOP_CHECK))
    } else {
        listener.set_nonblocking(true)
    }
}

/// Accepts until stopped, then takes what is queued and closes the listener.
pub(crate) fn run(acceptor: Acceptor, registry: &Arc<Registry>) {
    let Acceptor {
        listener,
        plan,
        stop,
    } = acceptor;
    let mut exhaustion = Exhaustion::default();
    while !stop.is_stopped() {
        match accept_and_spawn(&listener, plan, registry) {
            Ok(()) => exhaustion.over(),
            Err(Trouble::Quiet) => {
                if !cfg!(target_os = "linux") {
                    thread::sleep(STOP_CHECK / 10);
                }
            }
            Err(Trouble::Peer(error)) => tracing::debug!("accept failed: {error}"),
            Err(Trouble::Machine(what)) => exhaustion.pause(&what),
        }
    }
    // Clients in the queue believe that they are connected: serve them. No
    // more than one full queue, or newcomers could keep a server from stopping.
    if listener.set_nonblocking(true).is_ok() {
        for _ in 0..transport::BACKLOG {
            match accept_and_spawn(&listener, plan, registry) {
                Ok(()) | Err(Trouble::Peer(_)) => {}
                Err(Trouble::Quiet | Trouble::Machine(_)) => break,
            }
        }
    }
}

/// Why there is no new connection.
enum Trouble {
    /// Nobody came.
    Quiet,
    /// It was gone before it was accepted.
    Peer(io::Error),
    /// The machine is out of descriptors, memory or threads.
    Machine(String),
}

impl Trouble {
    fn of_accept(error: io::Error) -> Self {
        use io::ErrorKind as Kind;

        match error.kind() {
            Kind::WouldBlock | Kind::Interrupted | Kind::TimedOut => Self::Quiet,
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

fn accept_and_spawn(
    listener: &TcpListener,
    plan: Plan,
    registry: &Arc<Registry>,
) -> Result<(), Trouble> {
    let (stream, peer) = listener.accept().map_err(Trouble::of_accept)?;
    prepare(&stream).map_err(Trouble::Peer)?;
    spawn(stream, peer, plan, registry).map_err(|error| {
        // Kind WouldBlock here means EAGAIN: out of threads, not a timeout.
        Trouble::Machine(format!("no thread for {peer}, closed: {error}"))
    })
}

fn prepare(stream: &TcpStream) -> io::Result<()> {
    // What the listener was set to is inherited, on some systems.
    if cfg!(target_os = "linux") {
        stream.set_read_timeout(None)?;
    } else {
        stream.set_nonblocking(false)?;
    }
    stream.set_nodelay(true)
}

fn spawn(
    stream: TcpStream,
    peer: SocketAddr,
    plan: Plan,
    registry: &Arc<Registry>,
) -> io::Result<()> {
    let live = registry.register(stream, peer);
    thread::Builder::new()
        .name("connection".to_owned())
        .stack_size(STACK_BYTES)
        .spawn(move || connection::serve(&live, plan))?;
    Ok(())
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
        let now = Instant::now();
        if self
            .complained
            .is_none_or(|last| now.duration_since(last) >= COMPLAINT_INTERVAL)
        {
            tracing::error!("{what}; trying again every {LONGEST_PAUSE:?}");
            self.complained = Some(now);
        }
        thread::sleep(pause);
        self.pause = Some(pause);
    }
}

#[cfg(all(test, target_os = "linux"))]
#[allow(clippy::panic)]
mod tests {
    use super::*;

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
            let trouble = Trouble::of_accept(io::Error::from_raw_os_error(errno));
            assert!(matches!(trouble, Trouble::Quiet), "{errno}");
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
