//! Waiting for what is going to be so.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// How long anything may take before a test gives up. Far more than it takes
/// on a slow and busy machine.
pub const DEADLINE: Duration = Duration::from_mins(1);

/// How often something is looked at that cannot be waited for.
const POLL: Duration = Duration::from_millis(2);

/// Waits until something is so; panics with `what` it should have become.
#[track_caller]
pub fn wait_until(what: impl fmt::Display, is_so: impl FnMut() -> bool) {
    assert!(poll(is_so), "never {what}");
}

/// Waits until something is so; `false` if it never is.
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

/// Lets one test after the other measure: the others wait until what is
/// returned is dropped.
pub fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    // The last one may have failed.
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}
