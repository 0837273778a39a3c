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
mod tests {
    use super::*;

    /// A message of 100 ms that the server answered late.
    fn slow() -> SlowMessage {
        SlowMessage {
            latency_us: 100_000.0,
            run_queue_wait_us: Some(0.0),
            run_queue_window_us: Some(9e6),
            retransmitted: Some(0),
            since_sent_us: Some(100_000.0),
            since_received_us: Some(0.0),
            rtt_above_min_us: Some(5_000.0),
            ..SlowMessage::default()
        }
    }

    #[track_caller]
    fn assert_cause(cause: Cause, change: impl FnOnce(&mut SlowMessage)) {
        let mut message = slow();
        change(&mut message);
        attribute(std::slice::from_mut(&mut message), false);
        assert_eq!(message.cause, cause, "{message:?}");
    }

    #[test]
    fn what_is_not_ours_is_the_servers_or_the_paths() {
        assert_cause(Cause::ServerOrPath, |_| ());
        // Where the system says nothing, too.
        assert_cause(Cause::ServerOrPath, |message| {
            *message = SlowMessage {
                latency_us: 100_000.0,
                ..SlowMessage::default()
            };
        });
    }

    #[test]
    fn a_segment_sent_again_after_the_message_is_a_loss() {
        let resent = |since_sent_us: f64| {
            move |message: &mut SlowMessage| {
                message.retransmitted = Some(1);
                message.since_sent_us = Some(since_sent_us);
            }
        };
        assert_cause(Cause::Retransmission, resent(4_000.0));
        // It was before: the message is the last that was sent.
        assert_cause(Cause::ServerOrPath, resent(100_000.0));
        // The clock is too coarse for that.
        let short = |spurious: u64| {
            move |message: &mut SlowMessage| {
                resent(12_000.0)(message);
                message.latency_us = 12_000.0;
                message.spurious = Some(spurious);
            }
        };
        assert_cause(Cause::Retransmission, short(0));
        // The server's host had it, and its acknowledgement took long.
        assert_cause(Cause::ServerOrPath, short(1));
        // It was the reply that was lost.
        assert_cause(Cause::Retransmission, |message| {
            short(1)(message);
            message.latency_us = 201_000.0;
        });
    }

    /// Where the server's end is seen, what was sent again in vain was not lost, and
    /// neither was a reply: a server that is stopped for long looks like this.
    #[test]
    fn a_reply_that_was_lost_is_seen_at_the_server_if_that_is_here() {
        for (sees_server, cause) in [(false, Cause::Retransmission), (true, Cause::ServerOrPath)] {
            let mut message = SlowMessage {
                latency_us: 300_000.0,
                retransmitted: Some(1),
                spurious: Some(1),
                since_sent_us: None,
                ..slow()
            };
            attribute(std::slice::from_mut(&mut message), sees_server);
            assert_eq!(message.cause, cause, "{sees_server}");
        }
    }

    /// With others sent after it, the last segment says nothing about a message.
    #[test]
    fn a_message_that_others_follow_is_not_late_here() {
        let followed = |latency_us: f64| {
            move |message: &mut SlowMessage| {
                message.latency_us = latency_us;
                message.run_queue_wait_us = Some(latency_us);
                message.rtt_above_min_us = Some(0.0);
                message.since_sent_us = None;
            }
        };
        assert_cause(Cause::ServerOrPath, followed(4_000.0));
        assert_cause(Cause::ServerOrPath, followed(60_000.0));
        assert_cause(Cause::RunQueue, |message| {
            followed(60_000.0)(message);
            message.since_received_us = Some(40_000.0);
        });
    }

    #[test]
    fn a_wait_for_a_cpu_has_to_be_in_the_message() {
        let waited = |window_us: f64| {
            move |message: &mut SlowMessage| {
                message.run_queue_wait_us = Some(60_000.0);
                message.run_queue_window_us = Some(window_us);
            }
        };
        assert_cause(Cause::RunQueue, waited(110_000.0));
        assert_cause(Cause::ServerOrPath, waited(111_000.0));
        // A stopped server, after much waiting: the reply came just now, to a
        // message that left at once.
        assert_cause(Cause::ServerOrPath, waited(9e6));
        assert_cause(Cause::RunQueue, |message| {
            waited(9e6)(message);
            message.since_received_us = Some(92_000.0);
        });
        assert_cause(Cause::RunQueue, |message| {
            waited(9e6)(message);
            message.since_sent_us = Some(8_000.0);
        });
        assert_cause(Cause::ServerOrPath, |message| {
            message.run_queue_wait_us = Some(40_000.0);
            message.run_queue_window_us = Some(100_000.0);
        });
    }

    #[test]
    fn a_short_wait_is_told_by_the_round_trip_time() {
        let short = |above_us: Option<f64>| {
            move |message: &mut SlowMessage| {
                message.latency_us = 4_000.0;
                message.run_queue_wait_us = Some(3_900.0);
                message.rtt_above_min_us = above_us;
            }
        };
        assert_cause(Cause::RunQueue, short(Some(20.0)));
        // So is that for which the message before was held.
        assert_cause(Cause::RunQueue, |message| {
            short(Some(20.0))(message);
            (message.held, message.lag_us) = (true, 3_000.0);
        });
        // An eighth of 4 ms.
        assert_cause(Cause::ServerOrPath, short(Some(500.0)));
        assert_cause(Cause::ServerOrPath, short(None));
    }

    #[test]
    fn a_late_send_is_ours_unless_there_was_no_room() {
        let late = |held| {
            move |message: &mut SlowMessage| {
                message.lag_us = 60_000.0;
                message.held = held;
            }
        };
        assert_cause(Cause::LateSend, late(false));
        assert_cause(Cause::ServerOrPath, late(true));
    }

    /// A stopped thread does not wait for a CPU.
    #[test]
    fn a_late_read_is_ours() {
        let received = |since_us: f64| {
            move |message: &mut SlowMessage| message.since_received_us = Some(since_us)
        };
        assert_cause(Cause::LateRead, received(60_000.0));
        assert_cause(Cause::ServerOrPath, received(40_000.0));
        // The kernel's ticks do not tell.
        assert_cause(Cause::ServerOrPath, |message| {
            received(20_000.0)(message);
            message.latency_us = 30_000.0;
        });
    }

    #[test]
    fn a_message_behind_another_is_slow_by_the_same() {
        let message = |connection, due_s: f64, held| SlowMessage {
            connection,
            due_s,
            latency_us: 1e6 * (1.1 - due_s),
            lag_us: if held { 1e6 * (1.1 - due_s) } else { 0.0 },
            held,
            // Only the first to be answered is seen with it.
            retransmitted: Some(u64::from(due_s < 0.15)),
            ..SlowMessage::default()
        };
        let mut messages = [
            message(1, 0.3, true),
            message(1, 0.2, false),
            message(2, 0.25, true),
            message(1, 0.1, false),
        ];
        attribute(&mut messages, false);
        let causes = messages.map(|message| (message.connection, message.cause));
        let (lost, other) = (Cause::Retransmission, Cause::ServerOrPath);
        assert_eq!(causes, [(1, lost), (1, lost), (2, other), (1, lost)]);
    }
}
