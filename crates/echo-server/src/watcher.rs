//! The thread that watches all connections: every second it reports, and ends
//! what has overstayed.

use std::{
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError, Sender},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use proto::qps;

use crate::registry::Registry;

/// Time between two looks at the connections.
const INTERVAL: Duration = Duration::from_secs(1);

pub(crate) struct Watcher {
    /// Dropping it ends the thread at once.
    alive: Sender<()>,
    thread: JoinHandle<()>,
}

impl Watcher {
    pub(crate) fn spawn(registry: Arc<Registry>, handshake_timeout: Duration) -> Result<Self> {
        let (alive, stopped) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("watcher".to_owned())
            .spawn(move || {
                let mut report = Report::new();
                while stopped.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                    registry.end_slow_handshakes(handshake_timeout);
                    report.tick(&registry);
                }
            })
            .context("cannot start the watcher thread")?;
        Ok(Self { alive, thread })
    }

    pub(crate) fn stop(self) {
        drop(self.alive);
        // A panic of the watcher has been printed; there is no more to do.
        let _ = self.thread.join();
    }
}

struct Report {
    since: Instant,
    frames: u64,
    bytes: u64,
}

impl Report {
    fn new() -> Self {
        Self {
            since: Instant::now(),
            frames: 0,
            bytes: 0,
        }
    }

    /// Says what the last second brought, if it brought anything.
    fn tick(&mut self, registry: &Registry) {
        let (connections, traffic) = registry.collect();
        let elapsed = self.since.elapsed();
        let frames = traffic.frames - self.frames;
        let bytes = traffic.bytes - self.bytes;
        if frames > 0 {
            tracing::info!(
                "Queries Per Second: {:.0} ({connections} connections, {:.2} MB/s)",
                qps::rate(frames, elapsed),
                qps::rate(bytes, elapsed) / 1e6,
            );
        }
        *self = Self {
            since: self.since + elapsed,
            frames: traffic.frames,
            bytes: traffic.bytes,
        };
    }
}
