//! Holds connections back until the load begins, and no longer than the run
//! lasts.

use std::{
    sync::{Condvar, Mutex, PoisonError},
    time::Duration,
};

use super::{clock::Clock, lock::lock};

#[derive(Debug, Default)]
pub(crate) struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    clock: Option<Clock>,
    is_over: bool,
}

impl Gate {
    /// Lets the load begin.
    pub(crate) fn open(&self, clock: Clock) {
        lock(&self.state).clock = Some(clock);
        self.changed.notify_all();
    }

    /// Lets no further connection open, and none begin.
    pub(crate) fn close(&self) {
        lock(&self.state).is_over = true;
        self.changed.notify_all();
    }

    pub(crate) fn is_over(&self) -> bool {
        lock(&self.state).is_over
    }

    /// Waits for the begin; `None` when the run ended before it.
    pub(crate) fn wait(&self) -> Option<Clock> {
        let state = self
            .changed
            .wait_while(lock(&self.state), |state| {
                state.clock.is_none() && !state.is_over
            })
            .unwrap_or_else(PoisonError::into_inner);
        state.clock
    }

    /// Waits until `opening` after the begin; `false` when the run ended before
    /// that.
    pub(crate) fn wait_for_ramp(&self, opening: Duration) -> bool {
        let Some(clock) = self.wait() else {
            return false;
        };
        let time = opening.saturating_sub(Duration::from_nanos(clock.now_ns()));
        let (state, _) = self
            .changed
            .wait_timeout_while(lock(&self.state), time, |state| !state.is_over)
            .unwrap_or_else(PoisonError::into_inner);
        !state.is_over
    }
}
