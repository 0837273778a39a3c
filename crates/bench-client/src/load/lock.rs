//! A lock that a panic does not spoil.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Nothing is left half done by a panic, so a poisoned lock is as good.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
