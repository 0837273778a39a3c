//! The thread that checks all connections at each tick, and ends those past
//! their deadlines. It never logs: a stderr that is not drained must not hold
//! deadlines up.

use std::{
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError, Sender},
    },
    thread::{self, JoinHandle},
    time::Instant,
};

use anyhow::{Context, Result};

use crate::{deadlines::Deadlines, registry::Registry};

pub(crate) struct Watchdog {
    /// Dropping it ends the thread at once.
    alive: Sender<()>,
    thread: JoinHandle<()>,
}

impl Watchdog {
    pub(crate) fn spawn(registry: Arc<Registry>, deadlines: Deadlines) -> Result<Self> {
        let (alive, stopped) = mpsc::channel();
        let tick = deadlines.tick();
        let thread = thread::Builder::new()
            .name("watchdog".to_owned())
            .spawn(move || {
                while stopped.recv_timeout(tick) == Err(RecvTimeoutError::Timeout) {
                    registry.sweep(Instant::now(), &deadlines);
                }
            })
            .context("cannot start the watchdog thread")?;
        Ok(Self { alive, thread })
    }

    pub(crate) fn stop(self) {
        drop(self.alive);
        // A panic of the watchdog has been printed; there is no more to do.
        let _ = self.thread.join();
    }
}
