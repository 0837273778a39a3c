//! The thread that looks at all connections again and again, and ends what
//! has overstayed. It never writes anything: a log that nobody reads must not
//! hold deadlines up.

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

pub(crate) struct Watcher {
    /// Dropping it ends the thread at once.
    alive: Sender<()>,
    thread: JoinHandle<()>,
}

impl Watcher {
    pub(crate) fn spawn(registry: Arc<Registry>, deadlines: Deadlines) -> Result<Self> {
        let (alive, stopped) = mpsc::channel();
        let tick = deadlines.tick();
        let thread = thread::Builder::new()
            .name("watcher".to_owned())
            .spawn(move || {
                while stopped.recv_timeout(tick) == Err(RecvTimeoutError::Timeout) {
                    registry.look(Instant::now(), &deadlines);
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
