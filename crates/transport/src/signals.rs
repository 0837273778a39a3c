//! Signals that ask a program to end.

use std::sync::{Arc, atomic::AtomicBool};

use anyhow::{Context, Result};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};

/// Lets SIGINT and SIGTERM end a program that handles neither, with the exit
/// code that a shell shows for them: 130 and 143.
///
/// That is what they do anyway, unless the program is the first process of a
/// container: for PID 1 the system drops signals without a handler
/// (`pid_namespaces(7)`).
///
/// For a program that comes to handle them after all: they no longer end it
/// once what is returned is false.
///
/// # Errors
///
/// When the system takes no handler.
pub fn end_as_pid_1() -> Result<Arc<AtomicBool>> {
    let ends = Arc::new(AtomicBool::new(true));
    if std::process::id() != 1 {
        return Ok(ends);
    }
    for signal in [SIGINT, SIGTERM] {
        if !is_ignored(signal) {
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&ends))
                .context("cannot handle signals")?;
        }
    }
    Ok(ends)
}

/// Whether a signal is ignored, which a program inherits: `nohup` and the
/// background jobs of a script are to go on. To be asked before a handler is
/// set, and where the answer is yes none should be.
///
/// Only Linux tells; elsewhere no signal is.
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
