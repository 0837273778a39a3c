//! The events of both sides of a session, in order and in bounded memory.

use std::{
    collections::VecDeque,
    mem,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::Error;

use crate::lines::Line;

/// Memory of a payload beside its bytes: a slot in the queue, and the allocator's
/// overhead.
const OVERHEAD: usize = mem::size_of::<Event>() + 16;

/// What can happen in a session.
#[derive(Debug)]
pub(crate) enum Event {
    /// The user entered a line.
    Line(Line),
    /// The user is done.
    EndOfInput,
    /// The server sent a payload; with `--raw`, any bytes; with `--wire`, all bytes
    /// of a frame.
    Payload(Vec<u8>),
    /// One side is gone, and why.
    Lost(Error),
}

/// Events from the threads that read to the session.
///
/// Payloads are queued up to a limit. Then the network's thread waits instead of
/// reading, which in the end stops the server from sending.
#[derive(Debug)]
pub(crate) struct EventQueue {
    max_bytes: usize,
    joins_payloads: bool,
    waiting: Mutex<PendingEvents>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct PendingEvents {
    events: VecDeque<Event>,
    /// Memory of the payloads, in bytes.
    bytes: usize,
    is_closed: bool,
}

impl EventQueue {
    /// Accepts payloads while those in the queue take less than `max_bytes`. Raw bytes
    /// have no boundaries: with `joins_payloads` those in the queue become one
    /// payload.
    pub(crate) fn new(max_bytes: usize, joins_payloads: bool) -> Self {
        Self {
            max_bytes,
            joins_payloads,
            waiting: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// Adds an event, a payload once there is room for it; `false` once the queue is
    /// closed.
    pub(crate) fn push(&self, event: Event) -> bool {
        let mut waiting = self.lock();
        if let Event::Payload(payload) = event {
            let is_full =
                |waiting: &mut PendingEvents| waiting.bytes >= self.max_bytes && !waiting.is_closed;
            waiting = self
                .changed
                .wait_while(waiting, is_full)
                .unwrap_or_else(PoisonError::into_inner);
            waiting.bytes += payload.len();
            match waiting.events.back_mut() {
                Some(Event::Payload(last)) if self.joins_payloads => last.extend(payload),
                _ => {
                    waiting.bytes += OVERHEAD;
                    waiting.events.push_back(Event::Payload(payload));
                }
            }
        } else {
            waiting.events.push_back(event);
        }
        self.changed.notify_all();
        !waiting.is_closed
    }

    /// Takes the next event; waits for it up to `timeout`.
    pub(crate) fn pop(&self, timeout: Duration) -> Option<Event> {
        let is_empty = |waiting: &mut PendingEvents| waiting.events.is_empty();
        let (mut waiting, _) = self
            .changed
            .wait_timeout_while(self.lock(), timeout, is_empty)
            .unwrap_or_else(PoisonError::into_inner);
        let event = waiting.events.pop_front()?;
        if let Event::Payload(payload) = &event {
            waiting.bytes -= payload.len() + OVERHEAD;
            self.changed.notify_all();
        }
        Some(event)
    }

    /// Closes the queue: no event will be taken, and no push waits for room.
    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
    }

    /// Whether the session has closed it.
    pub(crate) fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    /// A panic leaves no partial update, so a poisoned lock is usable.
    fn lock(&self) -> MutexGuard<'_, PendingEvents> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    fn payload(event: Option<Event>) -> Vec<u8> {
        match event {
            Some(Event::Payload(payload)) => payload,
            other => unreachable!("{other:?}"),
        }
    }

    #[test]
    fn payloads_wait_for_room_and_nothing_else_does() {
        let queue = EventQueue::new(100, false);
        assert!(queue.push(Event::Payload(vec![1; 100])));
        assert!(queue.push(Event::Line(Line::Whole(vec![2; 1000]))));
        thread::scope(|scope| {
            let pushing = scope.spawn(|| queue.push(Event::Payload(vec![3])));
            assert_eq!(payload(queue.pop(SOON)), [1; 100]);
            assert!(matches!(queue.pop(SOON), Some(Event::Line(_))));
            assert_eq!(payload(queue.pop(SOON)), [3]);
            assert!(matches!(pushing.join(), Ok(true)));
        });
        assert!(queue.pop(Duration::ZERO).is_none());
        assert_eq!(queue.lock().bytes, 0);
    }

    #[test]
    fn empty_payloads_take_room_as_well() {
        let queue = EventQueue::new(1000, false);
        let mut count = 0;
        while queue.lock().bytes < 1000 {
            assert!(queue.push(Event::Payload(Vec::new())));
            count += 1;
        }
        assert!(count <= 1000 / OVERHEAD + 1, "{count}");
    }

    #[test]
    fn bare_bytes_are_joined() {
        let queue = EventQueue::new(1000, true);
        for byte in 1..=3 {
            assert!(queue.push(Event::Payload(vec![byte])));
        }
        assert_eq!(payload(queue.pop(SOON)), [1, 2, 3]);
        assert_eq!(queue.lock().bytes, 0);
    }

    #[test]
    fn a_closed_queue_blocks_no_push() {
        let queue = EventQueue::new(0, false);
        thread::scope(|scope| {
            let pushing = scope.spawn(|| queue.push(Event::Payload(vec![1])));
            queue.close();
            assert!(matches!(pushing.join(), Ok(false)));
        });
    }
}
