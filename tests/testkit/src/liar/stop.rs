//! Stopping a server, and waits that a stop ends.

use std::{
    hint,
    net::{Shutdown, TcpStream},
    sync::{Arc, Condvar, Mutex, Weak},
    time::{Duration, Instant},
};

/// The end of a wait that is spun: longer than a sleep overshoots (about 60 µs
/// on an idle Linux), and too short to affect others.
const SPIN: Duration = Duration::from_micros(200);

/// Ends a server's connections, whatever they are doing.
#[derive(Default)]
pub(super) struct LiarStop {
    state: Mutex<StopState>,
    stopped: Condvar,
}

#[derive(Default)]
struct StopState {
    is_stopped: bool,
    /// Weak, so that a connection is closed when its thread drops it.
    streams: Vec<Weak<TcpStream>>,
}

impl LiarStop {
    /// Adds a stream to those to end; `false` if already stopped.
    pub(super) fn watch(&self, stream: &Arc<TcpStream>) -> bool {
        let mut state = self.state.lock().unwrap();
        state.streams.push(Arc::downgrade(stream));
        !state.is_stopped
    }

    /// Ends all waits, for time or for a socket.
    pub(super) fn stop(&self) {
        let mut state = self.state.lock().unwrap();
        state.is_stopped = true;
        for stream in state.streams.iter().filter_map(Weak::upgrade) {
            // The peer may have disconnected before.
            let _ = stream.shutdown(Shutdown::Both);
        }
        self.stopped.notify_all();
    }

    /// Waits until `due`, to a few microseconds; `false` if stopped before.
    pub(super) fn wait_until(&self, due: Instant) -> bool {
        let state = self.state.lock().unwrap();
        let asleep = due
            .saturating_duration_since(Instant::now())
            .saturating_sub(SPIN);
        let (state, _) = self
            .stopped
            .wait_timeout_while(state, asleep, |state| !state.is_stopped)
            .unwrap();
        let is_stopped = state.is_stopped;
        drop(state);
        while !is_stopped && Instant::now() < due {
            hint::spin_loop();
        }
        !is_stopped
    }
}
