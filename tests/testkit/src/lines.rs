//! The output of a child, line by line.

use std::{
    io::{BufRead, BufReader, Read},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use crate::DEADLINE;

/// The output of a stream, collected by a thread so that the child never blocks
/// on a full pipe.
pub struct OutputLines {
    incoming: Receiver<String>,
    seen: String,
}

impl OutputLines {
    /// Starts collecting.
    #[must_use]
    pub fn of(stream: impl Read + Send + 'static) -> Self {
        let (lines, incoming) = mpsc::channel();
        thread::spawn(move || {
            let mut stream = BufReader::new(stream);
            let mut line = Vec::new();
            while matches!(stream.read_until(b'\n', &mut line), Ok(n) if n > 0) {
                if lines
                    .send(String::from_utf8_lossy(&line).into_owned())
                    .is_err()
                {
                    return;
                }
                line.clear();
            }
        });
        Self {
            incoming,
            seen: String::new(),
        }
    }

    /// Waits for a line that contains `part`, after the last line waited for.
    pub fn wait_for(&mut self, part: &str) -> Option<String> {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.incoming.recv_timeout(left).ok()?;
            self.seen.push_str(&line);
            if line.contains(part) {
                return Some(line.trim_end().to_owned());
            }
        }
    }

    pub(crate) fn so_far(&self) -> String {
        let unseen: String = self.incoming.try_iter().collect();
        format!("{}{unseen}", self.seen)
    }

    /// The complete output, once the child has ended.
    pub fn rest(&mut self) -> String {
        self.rest_within(DEADLINE)
    }

    /// The complete output, or the part received within `timeout`.
    pub(crate) fn rest_within(&mut self, timeout: Duration) -> String {
        let deadline = Instant::now() + timeout;
        let mut all = std::mem::take(&mut self.seen);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.incoming.recv_timeout(left) {
                Ok(line) => all.push_str(&line),
                Err(_) => return all,
            }
        }
    }
}
