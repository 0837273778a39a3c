//! The slowest messages, and what each was slow by.

use serde::{Deserialize, Serialize};

/// One of the slowest messages, with what was seen around it. What the system
/// does not say is `null`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SlowMessage {
    /// Index of its connection.
    pub connection: u64,
    /// When it was meant to be sent, since the load began.
    pub due_s: f64,
    /// As in the results' `latency`.
    pub latency_us: f64,
    /// How late it was sent.
    pub lag_us: f64,
    /// Whether that is because there was no room for it in flight.
    pub held: bool,
    /// What its thread waited for a CPU, from a sample before the message was due to
    /// its reply: it may have been before the message.
    pub run_queue_wait_us: Option<f64>,
    /// How long before the reply that sample was.
    pub run_queue_window_us: Option<f64>,
    /// Segments of its connection that were retransmitted since that sample; `null` if
    /// it is too fast for that.
    pub retransmitted: Option<u64>,
    /// Those of them that the other end had already.
    pub spurious: Option<u64>,
    /// From the last segment that was sent to the reply being read, in ticks of
    /// the kernel's clock; `null` if other messages were sent after it.
    pub since_sent_us: Option<f64>,
    /// The same from the last segment that came.
    pub since_received_us: Option<f64>,
    /// By how much the kernel's smoothed round-trip time was above its lowest.
    pub rtt_above_min_us: Option<f64>,
    /// What the most of its latency is by all that.
    pub cause: Cause,
}

/// What made a message slow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A segment of its connection was lost, and sent again.
    Retransmission,
    /// Its thread was ready and waited for a CPU.
    RunQueue,
    /// It was sent late, though there was room for it.
    LateSend,
    /// Its reply had come, and its thread read it late, such as a stopped one.
    LateRead,
    /// None of these.
    #[default]
    ServerOrPath,
}

impl Cause {
    /// In words.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Retransmission => "retransmission",
            Self::RunQueue => "run queue",
            Self::LateSend => "late send",
            Self::LateRead => "late read",
            Self::ServerOrPath => "server or path",
        }
    }
}

/// The shortest wait before a segment that was not acknowledged is sent again
/// (`TCP_RTO_MIN`), unless others follow it.
pub(crate) const MIN_RETRANSMISSION_US: f64 = 200_000.0;

/// Latency from which on the kernel's ticks, of up to 10 ms, tell where it was
/// spent: both of their errors are then a half of it at most.
const TELLING_US: f64 = 40_000.0;

/// A round-trip time is smoothed by an eighth of each new one.
const SMOOTHING: f64 = 8.0;

/// Finds the cause of each message, and puts the slowest first. `sees_server` is
/// whether the server's end is on this host, so that what it sent again is known.
pub(crate) fn attribute(messages: &mut [SlowMessage], sees_server: bool) {
    messages.sort_by(|a, b| a.due_s.total_cmp(&b.due_s));
    for index in 0..messages.len() {
        let (earlier, rest) = messages.split_at_mut(index);
        let Some((message, _)) = rest.split_first_mut() else {
            return;
        };
        message.cause = match blocker(message, earlier) {
            Some(blocker) => blocker.cause,
            None => message.own_cause(sees_server),
        };
    }
    messages.sort_by(|a, b| b.latency_us.total_cmp(&a.latency_us));
}

/// An earlier message of the connection that this one waited behind for most of
/// its latency, to be sent or to be answered: it is slow by the same.
fn blocker<'a>(message: &SlowMessage, earlier: &'a [SlowMessage]) -> Option<&'a SlowMessage> {
    let half_s = message.latency_us / 2e6;
    earlier.iter().rev().find(|other| {
        let behind_s = other.due_s + other.latency_us / 1e6 - message.due_s;
        other.connection == message.connection && behind_s > half_s
    })
}

impl SlowMessage {
    fn own_cause(&self, sees_server: bool) -> Cause {
        let half_us = self.latency_us / 2.0;
        let waited_us = self.run_queue_wait_us.unwrap_or(0.0);
        // As much of the wait as there was time for may have been before the message.
        let window_us = self.run_queue_window_us.unwrap_or(0.0);
        let before_us = (window_us - self.latency_us).max(0.0);
        if self.was_lost(sees_server) {
            Cause::Retransmission
        } else if waited_us - before_us >= half_us {
            Cause::RunQueue
        } else if !self.held && self.lag_us > half_us {
            Cause::LateSend
        } else if waited_us >= half_us && self.latency_us - self.longest_away_us() > half_us {
            Cause::RunQueue
        } else if self.latency_us >= TELLING_US && self.since_received_us > Some(half_us) {
            Cause::LateRead
        } else {
            Cause::ServerOrPath
        }
    }

    /// Whether a segment was lost after the message. One that was sent again
    /// before it leaves the message as the last that was sent.
    fn was_lost(&self, sees_server: bool) -> bool {
        let retransmitted = self.retransmitted.unwrap_or(0);
        let is_later = |since_us| self.latency_us < TELLING_US || since_us < self.latency_us / 2.0;
        // The message is sent again in vain if it is the reply that was lost, and
        // only after the timeout: earlier it is a guess (RFC 8985, 7.2).
        let is_reply = || !sees_server && self.latency_us >= MIN_RETRANSMISSION_US;
        let is_lost = retransmitted > self.spurious.unwrap_or(0) || retransmitted > 0 && is_reply();
        is_lost && self.since_sent_us.is_none_or(is_later)
    }

    /// How long the message was with the server or on the path at most, by the kernel:
    /// after it had the message, and before it had the reply.
    fn longest_away_us(&self) -> f64 {
        if self.latency_us >= TELLING_US {
            let sent_us = self.since_sent_us.unwrap_or(self.latency_us);
            return sent_us.min(self.latency_us) - self.since_received_us.unwrap_or(0.0);
        }
        // The reply acknowledges the message, unless more follow: a late one raises the
        // round-trip time that the kernel sees, as does that of the message before.
        let above_us = self.since_sent_us.and(self.rtt_above_min_us);
        above_us.map_or(self.latency_us, |above_us| SMOOTHING * above_us)
    }
}

#[cfg(test)]
mod tests;
