//! Signals that stop a program, counted.

use std::{
    process,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::{Context, Result};
#[cfg(unix)]
use signal_hook::{
    consts::{SIGHUP, SIGXFSZ},
    flag,
};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    low_level,
};

/// Exit code after a second signal, as shells report it for SIGINT: 128 + 2.
const INTERRUPTED: i32 = 130;

/// Counts signals that stop the program. The signal after the tolerated ones
/// ends it at once.
#[derive(Debug, Default)]
pub struct Stop {
    asked: AtomicU32,
    /// The first signal; zero: none yet.
    signal: AtomicI32,
    patience: AtomicU32,
    /// Milliseconds that the program has after the first signal; zero: no limit.
    grace_ms: AtomicU64,
}

impl Stop {
    /// Counts SIGINT, SIGTERM and, where it exists, SIGHUP, unless they were
    /// ignored when the program started.
    ///
    /// Initially no signal is tolerated: the first one ends the program, as it
    /// would without a handler. This also holds for the first process of a
    /// container, for which the system drops signals without a handler
    /// (`pid_namespaces(7)`).
    ///
    /// # Errors
    ///
    /// When a handler cannot be installed, or a thread cannot be started.
    pub fn on_signals() -> Result<Arc<Self>> {
        Self::on(&system::ENDING, || ())
    }

    /// Counts SIGINT and SIGTERM only, and calls `then` after each: for a
    /// program without a terminal.
    ///
    /// # Errors
    ///
    /// See [`on_signals`](Self::on_signals).
    pub fn on_termination(then: impl FnMut() + Send + 'static) -> Result<Arc<Self>> {
        Self::on(&[SIGINT, SIGTERM], then)
    }

    fn on(signals: &[i32], mut then: impl FnMut() + Send + 'static) -> Result<Arc<Self>> {
        let stop = Arc::new(Self::default());
        let counted = Arc::clone(&stop);
        let mut signals = system::Signals::new(signals).context("cannot handle signals")?;
        let _detached = thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                system::leave_signals_to_others();
                loop {
                    counted.ask(signals.wait());
                    then();
                }
            })
            .context("cannot start a thread for signals")?;
        Ok(stop)
    }

    /// Number of signals so far.
    pub fn asked(&self) -> u32 {
        self.asked.load(Ordering::Relaxed)
    }

    /// The first signal.
    pub fn signal(&self) -> Option<i32> {
        Some(self.signal.load(Ordering::Relaxed)).filter(|&signal| signal != 0)
    }

    /// Tolerates the next `count` signals; the one after them ends the program.
    pub fn be_patient(&self, count: u32) {
        let patience = self.asked().saturating_add(count);
        self.patience.store(patience, Ordering::Relaxed);
    }

    /// Ends the program this long after the first signal if it is still running:
    /// it may be blocked, such as by a full stdout.
    pub fn end_within(&self, grace: Duration) {
        let ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
        self.grace_ms.store(ms, Ordering::Relaxed);
    }

    fn end_later(&self, signal: i32) {
        let grace = Duration::from_millis(self.grace_ms.load(Ordering::Relaxed));
        if !grace.is_zero() {
            // Without a thread the next signal ends the program.
            let _ = thread::Builder::new().spawn(move || {
                thread::sleep(grace);
                process::exit(128_i32.saturating_add(signal));
            });
        }
    }

    /// Counts a signal.
    pub fn ask(&self, signal: i32) {
        let (unset, order) = (0, Ordering::Relaxed);
        let _ = self.signal.compare_exchange(unset, signal, order, order);
        let asked = self.asked.fetch_add(1, order) + 1;
        if asked <= self.patience.load(order) {
            if asked == 1 {
                self.end_later(signal);
            }
            return;
        }
        if asked > 1 {
            process::exit(INTERRUPTED);
        }
        if process::id() != 1 {
            // So that a shell sees the program as ended by the signal.
            let _ = low_level::emulate_default_handler(signal);
        }
        process::exit(128_i32.saturating_add(signal));
    }
}

#[cfg(not(windows))]
mod system {
    use std::{io, io::Read, os::unix::net::UnixStream, thread, time::Duration};

    use nix::sys::signal::SigSet;
    use signal_hook::iterator::{backend::SignalDelivery, exfiltrator::SignalOnly};

    use super::{SIGHUP, SIGINT, SIGTERM, is_ignored};

    pub(super) const ENDING: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];

    /// Time until the next check when the pipe cannot be read.
    const RETRY_INTERVAL: Duration = Duration::from_millis(50);

    /// Handlers note a signal and wake a thread by a pipe. signal-hook's own
    /// iterator panics when a read of the pipe fails: no signal would be seen
    /// from then on.
    pub(super) struct Signals(SignalDelivery<UnixStream, SignalOnly>);

    impl Signals {
        pub(super) fn new(signals: &[i32]) -> io::Result<Self> {
            let counted = signals.iter().filter(|signal| !is_ignored(**signal));
            let (read, write) = UnixStream::pair()?;
            SignalDelivery::with_pipe(read, write, SignalOnly, counted).map(Self)
        }

        /// Waits for the next signal.
        pub(super) fn wait(&mut self) -> i32 {
            loop {
                // Empties the pipe first: a signal after this check is in it.
                if let Some(signal) = self.0.pending().next() {
                    return signal;
                }
                if !matches!(self.0.get_read_mut().read(&mut [0]), Ok(1)) {
                    thread::sleep(RETRY_INTERVAL);
                }
            }
        }
    }

    #[cfg(test)]
    impl Signals {
        /// Lets every read of the pipe fail.
        pub(super) fn break_pipe(&mut self) -> io::Result<()> {
            self.0.get_read_mut().set_nonblocking(true)
        }
    }

    /// Blocks all signals on this thread: a program may need some signals on a
    /// certain thread.
    pub(super) fn leave_signals_to_others() {
        // It cannot fail for valid signals.
        let _ = SigSet::all().thread_block();
    }
}

/// On Windows a handler can only set a flag.
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

    pub(super) const ENDING: [i32; 2] = [SIGINT, SIGTERM];

    /// Time between two checks of the flag.
    const CHECK_INTERVAL: Duration = Duration::from_millis(50);

    pub(super) struct Signals(Arc<AtomicBool>);

    impl Signals {
        pub(super) fn new(signals: &[i32]) -> io::Result<Self> {
            let flag = Arc::new(AtomicBool::new(false));
            for signal in signals {
                signal_hook::flag::register(*signal, Arc::clone(&flag))?;
            }
            Ok(Self(flag))
        }

        pub(super) fn wait(&mut self) -> i32 {
            while !self.0.swap(false, Ordering::Relaxed) {
                thread::sleep(CHECK_INTERVAL);
            }
            SIGINT
        }
    }

    pub(super) const fn leave_signals_to_others() {
        // Windows does not deliver signals to threads.
    }
}

/// Makes a write beyond the file size limit (`ulimit -f`) fail: by default
/// SIGXFSZ ends the program.
pub(crate) fn survive_large_files() {
    #[cfg(unix)]
    if !is_ignored(SIGXFSZ) {
        // On failure the default remains.
        let _ = flag::register(SIGXFSZ, Arc::default());
    }
}

/// Lets SIGHUP end the first process of a container as it ends any other: the
/// system drops signals without a handler there (`pid_namespaces(7)`).
///
/// # Errors
///
/// When a handler cannot be installed.
pub fn end_on_hangup() -> Result<()> {
    #[cfg(unix)]
    if process::id() == 1 && !is_ignored(SIGHUP) {
        let always = Arc::new(AtomicBool::new(true));
        let registered = flag::register_conditional_shutdown(SIGHUP, 128 + SIGHUP, always);
        registered.context("cannot handle signals")?;
    }
    Ok(())
}

/// Sets `flag` on SIGHUP, where it exists and was not ignored when the program
/// started.
///
/// # Errors
///
/// When a handler cannot be installed.
pub fn raise_on_hangup(flag: &Arc<AtomicBool>) -> Result<()> {
    #[cfg(unix)]
    if !is_ignored(SIGHUP) {
        flag::register(SIGHUP, Arc::clone(flag)).context("cannot handle signals")?;
    }
    #[cfg(not(unix))]
    let _ = flag;
    Ok(())
}

/// Whether a signal is ignored, which a program inherits: `nohup` and
/// background jobs of a script rely on that. Check it before setting a handler,
/// and set none if it is ignored.
///
/// Only Linux reports it; on other systems no signal counts as ignored.
#[must_use]
pub fn is_ignored(signal: i32) -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| is_ignored_in(&status, signal))
}

/// Bit 0 of the mask is signal 1 (`proc_pid_status(5)`).
fn is_ignored_in(status: &str, signal: i32) -> bool {
    status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| (mask >> signal.saturating_sub(1).clamp(0, 63)) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(not(windows))]
    #[test]
    fn a_pipe_that_cannot_be_read_costs_no_signal() -> Result<()> {
        use signal_hook::consts::{SIGUSR1, SIGUSR2};

        let mut signals = system::Signals::new(&[SIGUSR1, SIGUSR2])?;
        signals.break_pipe()?;
        for signal in [SIGUSR2, SIGUSR1] {
            thread::scope(|scope| -> Result<()> {
                let waiting = scope.spawn(|| signals.wait());
                low_level::raise(signal)?;
                assert_eq!(waiting.join().ok(), Some(signal));
                Ok(())
            })?;
        }
        Ok(())
    }

    #[test]
    fn the_mask_of_ignored_signals_is_read() {
        // SIGINT (2), SIGPIPE (13) and the last one (64).
        let status = "Name:\techo\nSigIgn:\t8000000000001002\nSigCgt:\t0000000000004000\n";
        let ignored: Vec<i32> = (1..=64)
            .filter(|&signal| is_ignored_in(status, signal))
            .collect();
        assert_eq!(ignored, [2, 13, 64]);
        assert!(!is_ignored_in("", SIGINT));
    }
}
