//! The thread that checks all connections at each tick, closes the expired ones
//! and joins the threads of ended ones. It never logs: a stderr that is not
//! drained must not delay deadlines.

pub(crate) mod watched;

use std::{
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::{
    Error,
    deadlines::Deadlines,
    registry::{Registry, Work},
};

/// Runs until [`Registry::end`] and until all ended threads are joined.
pub(crate) fn spawn(
    registry: Arc<Registry>,
    deadlines: Deadlines,
    drain: Duration,
) -> Result<JoinHandle<()>, Error> {
    thread::Builder::new()
        .name("watchdog".to_owned())
        .spawn(move || watch(&registry, &deadlines, drain))
        .map_err(Error::system("start the watchdog thread"))
}

fn watch(registry: &Registry, deadlines: &Deadlines, drain: Duration) {
    let tick = deadlines.tick();
    let mut sweep_at = Instant::now();
    loop {
        match registry.next_work(sweep_at) {
            Work::Join(thread, reason) => {
                // A panic there has been printed and counted.
                let _ = thread.join();
                registry.joined(reason);
            }
            Work::Sweep => {
                let now = Instant::now();
                registry.sweep(now, deadlines, drain);
                sweep_at = now + tick;
            }
            Work::End => return,
        }
    }
}
