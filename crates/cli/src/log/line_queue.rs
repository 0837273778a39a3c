//! Lines that wait for the writer thread of a log.

use std::{
    mem,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Maximum bytes of lines that wait to be written: some ten thousand lines.
const MAX_WAITING: usize = 1 << 20;

/// Lines queued for the writer thread.
#[derive(Debug, Default)]
pub(super) struct LineQueue {
    waiting: Mutex<PendingLines>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct PendingLines {
    lines: Vec<u8>,
    /// Lines dropped for lack of room since the last take.
    lost: u64,
    /// Whether the writer thread has lines that are not written yet.
    is_writing: bool,
}

impl LineQueue {
    /// Queues a line if there is room.
    pub(super) fn push(&self, line: &[u8]) {
        let mut waiting = self.lock();
        if waiting.lines.len() + line.len() > MAX_WAITING {
            waiting.lost += 1;
            return;
        }
        waiting.lines.extend_from_slice(line);
        self.changed.notify_all();
    }

    /// Waits for lines; takes them all, and the number of dropped ones.
    pub(super) fn wait(&self) -> (Vec<u8>, u64) {
        let mut waiting = self
            .changed
            .wait_while(self.lock(), |waiting| waiting.lines.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        waiting.is_writing = true;
        let lost = mem::take(&mut waiting.lost);
        (mem::take(&mut waiting.lines), lost)
    }

    /// Marks the taken lines as written.
    pub(super) fn written(&self) {
        self.lock().is_writing = false;
        self.changed.notify_all();
    }

    /// Waits until all lines are written, or `timeout` has passed.
    pub(super) fn wait_until_written(&self, timeout: Duration) {
        let is_busy = |waiting: &mut PendingLines| waiting.is_writing || !waiting.lines.is_empty();
        let _ = self
            .changed
            .wait_timeout_while(self.lock(), timeout, is_busy);
    }

    /// A panic leaves no partial update, so a poisoned lock is usable.
    fn lock(&self) -> MutexGuard<'_, PendingLines> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn lines_without_room_are_dropped_and_counted() {
        let queue = LineQueue::default();
        let line = [b'x'; 1024];
        for _ in 0..MAX_WAITING / 1024 + 3 {
            queue.push(&line);
        }
        // A short line is dropped too: the queue is full.
        queue.push(b"x");
        let (lines, lost) = queue.wait();
        assert_eq!((lines.len(), lost), (MAX_WAITING, 4));
        queue.push(b"room again");
        assert_eq!(queue.wait(), (b"room again".to_vec(), 0));
    }

    #[test]
    fn the_end_waits_for_the_last_lines_for_a_limited_time() {
        let queue = LineQueue::default();
        queue.wait_until_written(Duration::MAX);
        queue.push(b"last");
        queue.wait_until_written(Duration::from_millis(1));
        thread::scope(|scope| {
            scope.spawn(|| {
                let _ = queue.wait();
                queue.written();
            });
            queue.wait_until_written(Duration::MAX);
        });
        assert!(queue.lock().lines.is_empty());
    }
}
