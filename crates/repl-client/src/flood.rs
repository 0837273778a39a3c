//! The limit on unsolicited messages.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// The time in which messages are counted.
const WINDOW: Duration = Duration::from_secs(1);

/// Maximum messages within the window: no person reads more.
const MAX_MESSAGES: u32 = 1000;

/// Bytes within the window after which no further message is accepted; one of any
/// size may bring them.
const MAX_BYTES: u64 = 1 << 20;

/// Counts unsolicited messages.
#[derive(Debug)]
pub(crate) struct Flood {
    since: Instant,
    messages: u32,
    bytes: u64,
}

impl Flood {
    pub(crate) const fn new(now: Instant) -> Self {
        Self {
            since: now,
            messages: 0,
            bytes: 0,
        }
    }

    /// Counts one message.
    ///
    /// # Errors
    ///
    /// Past a limit: one line that says how much arrived.
    pub(crate) fn count(&mut self, bytes: usize, now: Instant) -> Result<()> {
        if now.saturating_duration_since(self.since) > WINDOW {
            *self = Self::new(now);
        }
        let is_flood = self.messages >= MAX_MESSAGES || self.bytes > MAX_BYTES;
        self.messages = self.messages.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes as u64);
        if is_flood {
            let Self {
                messages, bytes, ..
            } = self;
            bail!("{messages} unsolicited messages, {bytes} bytes in all, within {WINDOW:?}");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many messages of a size, at an interval, are accepted.
    fn taken(bytes: usize, pause: Duration) -> usize {
        let mut now = Instant::now();
        let mut flood = Flood::new(now);
        (0..5000)
            .take_while(|_| {
                now += pause;
                flood.count(bytes, now).is_ok()
            })
            .count()
    }

    #[test]
    fn many_messages_at_once_are_a_flood() {
        assert_eq!(taken(0, Duration::ZERO), 1000);
        assert_eq!(taken(1000, Duration::from_micros(500)), 1000);
        assert_eq!(taken(1000, Duration::from_millis(2)), 5000);
    }

    #[test]
    fn one_large_message_is_none() {
        assert_eq!(taken(8 << 20, Duration::ZERO), 1);
        assert_eq!(taken(8 << 20, 2 * WINDOW), 5000);
    }
}
