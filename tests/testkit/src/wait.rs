//! Waiting for conditions.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// Maximum time of any wait before a test fails. Far more than anything takes
/// on a slow and busy machine.
pub const DEADLINE: Duration = Duration::from_mins(1);

/// Interval of polling.
const POLL: Duration = Duration::from_millis(2);

/// Waits until `is_so`; panics with `what`, the expected state.
#[track_caller]
pub fn wait_until(what: impl fmt::Display, is_so: impl FnMut() -> bool) {
    assert!(poll(is_so), "never {what}");
}

/// Waits until `is_so`; `false` on timeout.
pub(crate) fn poll(mut is_so: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while !is_so() {
        if start.elapsed() >= DEADLINE {
            return false;
        }
        thread::sleep(POLL);
    }
    true
}

/// Lets only one test measure at a time: others wait until the returned guard
/// is dropped.
pub fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    // The previous test may have panicked.
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}
