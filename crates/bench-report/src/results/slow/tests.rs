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
    let received =
        |since_us: f64| move |message: &mut SlowMessage| message.since_received_us = Some(since_us);
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
