//! Connections that follow one another, and how long they take to open.

use std::{
    io, mem,
    net::SocketAddr,
    sync::{Arc, Mutex, Once},
};

use hdrhistogram::Histogram;
use transport::Dialer;

use super::{
    Link, Reports, Shared,
    clock::Clock,
    failure::Failure,
    lock::lock,
    measured::{histogram, record},
};

/// All of them, in nanoseconds. The lock is taken once in a connection.
#[derive(Debug)]
pub(super) struct Connects {
    latencies: Mutex<Histogram<u64>>,
    /// The first connection that could not be opened is explained.
    explanation: Once,
}

impl Default for Connects {
    fn default() -> Self {
        Self {
            latencies: Mutex::new(histogram()),
            explanation: Once::new(),
        }
    }
}

impl Connects {
    fn add(&self, ns: u64) {
        record(&mut lock(&self.latencies), ns, 1);
    }

    pub(super) fn take(&self) -> Histogram<u64> {
        mem::replace(&mut lock(&self.latencies), histogram())
    }
}

/// Opens the connections that follow the first one of a thread.
pub(super) struct Successors<'a> {
    /// Messages of each.
    pub(super) messages: u64,
    shared: &'a Shared,
    reports: &'a Reports,
    dialer: Dialer,
    peer: SocketAddr,
}

impl<'a> Successors<'a> {
    /// Those of `first`; `None` if it lasts as long as the run.
    pub(super) fn of(
        first: &Link,
        shared: &'a Shared,
        reports: &'a Reports,
    ) -> io::Result<Option<Self>> {
        let Some(messages) = shared.plan.arguments.per_connection else {
            return Ok(None);
        };
        let [_, peer] = first.stream.addrs()?;
        Ok(Some(Self {
            messages,
            shared,
            reports,
            dialer: shared.plan.dialer(first.index),
            // A name is not resolved again: that would not be the connection's time.
            peer,
        }))
    }

    /// Opens the next; `None` when the run ended before that.
    pub(super) fn open(&self, index: u64, clock: Clock) -> Result<Option<Arc<Link>>, Failure> {
        let gate = &self.shared.gate;
        let before_ns = clock.now_ns();
        let dialled = self.dialer.dial_addr(&self.peer, &|| !gate.is_over());
        let stream = match dialled {
            Ok(stream) => stream,
            Err(_) if gate.is_over() => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                return Err(Failure::Refused);
            }
            Err(error) => {
                self.shared.connects.explanation.call_once(|| {
                    tracing::warn!("cannot connect to {} again: {error}", self.peer);
                });
                return Err(Failure::Connect);
            }
        };
        if self.shared.window.contains(before_ns) {
            self.shared.connects.add(clock.now_ns() - before_ns);
        }
        let link = Arc::new(Link::new(index, stream));
        self.reports.reopened(Arc::clone(&link));
        Ok(Some(link))
    }
}
