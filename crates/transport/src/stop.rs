//! Signals that ask a program to stop, counted.

use std::{
    process,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    thread,
};

use anyhow::{Context, Result};
use signal_hook::consts::{SIGINT, SIGTERM};

/// Exit code of a program that a signal ends at once, as shells report it for
/// SIGINT: 128 + 2.
const INTERRUPTED: i32 = 130;

/// How often a program was asked to stop. One signal more than it is patient
/// with ends it at once.
#[derive(Debug, Default)]
pub struct Stop {
    asked: AtomicU32,
    patience: AtomicU32,
}

impl Stop {
    /// Counts SIGINT, SIGTERM and, where there is one, SIGHUP, unless they were
    /// ignored when the program started. Without patience, as it begins, the
    /// first ends the program.
    ///
    /// # Errors
    ///
    /// When the system takes no handler, or has no thread.
    pub fn on_signals() -> Result<Arc<Self>> {
        let stop = Arc::new(Self::default());
        let counted = Arc::clone(&stop);
        let mut signals = system::Signals::new().context("cannot handle signals")?;
        let _detached = thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                loop {
                    signals.wait();
                    counted.ask();
                }
            })
            .context("cannot start a thread for signals")?;
        Ok(stop)
    }

    /// How many signals there were.
    pub fn asked(&self) -> u32 {
        self.asked.load(Ordering::Relaxed)
    }

    /// Lets the next `count` signals ask; the one after them ends the program.
    pub fn be_patient(&self, count: u32) {
        let patience = self.asked().saturating_add(count);
        self.patience.store(patience, Ordering::Relaxed);
    }

    /// Counts a signal, as one that came would be.
    pub fn ask(&self) {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        if asked > self.patience.load(Ordering::Relaxed) {
            process::exit(INTERRUPTED);
        }
    }
}

#[cfg(not(windows))]
mod system {
    use std::io;

    use signal_hook::{consts::SIGHUP, iterator};

    use super::{SIGINT, SIGTERM};
    use crate::signals::is_ignored;

    pub(super) struct Signals(iterator::Signals);

    impl Signals {
        pub(super) fn new() -> io::Result<Self> {
            let counted = [SIGINT, SIGTERM, SIGHUP].into_iter();
            let counted = counted.filter(|signal| !is_ignored(*signal));
            iterator::Signals::new(counted).map(Self)
        }

        /// Waits for the next one.
        pub(super) fn wait(&mut self) {
            let _ = self.0.forever().next();
        }
    }
}

/// Windows can only set a flag.
#[cfg(windows)]
mod system {
    use std::{
        io,
        sync::{
            Arc,
            atomic::{AtomicBool, Ordering},
        },
        thread,
        time::Duration,
    };

    use super::{SIGINT, SIGTERM};

    /// Time between two checks of it.
    const CHECK_INTERVAL: Duration = Duration::from_millis(50);

    pub(super) struct Signals(Arc<AtomicBool>);

    impl Signals {
        pub(super) fn new() -> io::Result<Self> {
            let flag = Arc::new(AtomicBool::new(false));
            for signal in [SIGINT, SIGTERM] {
                signal_hook::flag::register(signal, Arc::clone(&flag))?;
            }
            Ok(Self(flag))
        }

        pub(super) fn wait(&mut self) {
            while !self.0.swap(false, Ordering::Relaxed) {
                thread::sleep(CHECK_INTERVAL);
            }
        }
    }
}
