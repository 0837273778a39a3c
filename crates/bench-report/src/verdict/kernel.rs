//! What the kernel saw of the connections: loss, and acknowledgements that one
//! side waits for.

use crate::{
    format::{Latency, plural},
    results::{Cause, MIN_RETRANSMISSION_US, Results, SlowMessage},
};

/// Segments that were sent again because they were lost. Those that the other end
/// had already were late, unless it was the reply that was lost: then a slow
/// message tells.
pub(super) fn retransmitted(results: &Results) -> Option<String> {
    let tcp = results.tcp.as_ref()?;
    let retransmitted = tcp.retransmitted();
    let spurious: u64 = tcp.ends().map(|end| end.spurious).sum();
    let sent: u64 = tcp.ends().map(|end| end.segments_out).sum();
    let is_lost = |each: &SlowMessage| each.cause == Cause::Retransmission;
    let slowest = results.slowest.len();
    let lost = results.slowest.iter().filter(|each| is_lost(each)).count();
    if retransmitted <= spurious && lost == 0 {
        return None;
    }
    let timeout = Latency(MIN_RETRANSMISSION_US);
    let over = |each: &&SlowMessage| each.latency_us >= MIN_RETRANSMISSION_US;
    let mut over = results.slowest.iter().filter(over).peekable();
    let weight = if over.peek().is_some() && over.all(is_lost) {
        format!("latencies above {timeout:#} are loss on the path, not the server")
    } else {
        // Not all is seen from here: a reply that the other host sends again comes once.
        format!(
            "loss on the path, not the server, is known to have made {lost} of the {slowest} \
             slowest messages slow"
        )
    };
    let percent = 100.0 * retransmitted as f64 / sent.max(1) as f64;
    Some(format!(
        "{retransmitted} of {} retransmitted ({percent:.2} %): {weight}; find where packets are \
         dropped (`ip -s link`, `nstat`)",
        plural(sent, "segment")
    ))
}

/// How long Linux delays an acknowledgement at least (`TCP_DELACK_MIN`), and how
/// late its timer and a thread's wake-up may be.
const DELAYED_ACK_US: std::ops::RangeInclusive<f64> = 39_000.0..=52_000.0;

/// The share of the latencies that makes a plateau.
const MIN_PLATEAU: f64 = 0.05;

/// Nagle's algorithm (RFC 896) against delayed acknowledgements (RFC 1122,
/// 4.2.3.2): a sender holds the rest of a message back until its beginning is
/// acknowledged, and the receiver waits for the rest before it does that.
///
/// The proof is in the segments. A receiver that lets the timer run out sends an
/// acknowledgement without data for each message, which a prompt reply or the
/// next message would have carried. If the sender is the server, each reply also
/// comes in two segments; a server that only thinks for 40 ms sends one.
pub(super) fn delayed_acks(results: &Results) -> Option<String> {
    let client = &results.tcp.as_ref()?.client;
    let share = plateau(results);
    let framed = results.messages.each(results.messages.wire_bytes as f64)?;
    if share < MIN_PLATEAU || framed > client.end?.mss.median {
        return None;
    }
    // For each segment with messages: several can be in one, and so can their replies.
    let each = |count: u64| count as f64 / client.data_segments_out.max(1) as f64;
    let bare = |all: u64, data: u64| each(all.saturating_sub(data));
    let acks = bare(client.segments_out, client.data_segments_out);
    let acks_of_server = bare(client.segments_in, client.data_segments_in);
    let parts = each(client.data_segments_in);
    let arguments = &results.arguments;
    let cause = if is_held_back(results, share, acks, parts - 1.0) {
        format!(
            "the server sends {parts:.2} segments for each that it gets, and Nagle's algorithm \
             holds the second back until this host acknowledges the first ({acks:.2} bare ACKs), \
             unless the server pauses between them: let the server write each reply at once, or \
             set TCP_NODELAY; `ip route change … quickack 1` on this host shows that it is this"
        )
    } else if !arguments.nodelay && arguments.pipeline > 1 && acks_of_server > share / 2.0 {
        format!(
            "this client holds messages back (--no-nodelay) until the server's host acknowledges \
             those before ({acks_of_server:.2} bare ACKs for each segment): leave out --no-nodelay"
        )
    } else {
        return None;
    };
    Some(format!(
        "{:.0} % of the latencies are about 40 ms, the timeout of delayed acknowledgements: {cause}",
        100.0 * share
    ))
}

/// Whether the second segments of replies, `extra` in number, waited for `acks`. A
/// receiver acknowledges two small segments at once, so one bare ACK for both is no
/// proof: the server may have been slow, and written in parts.
fn is_held_back(results: &Results, share: f64, acks: f64, extra: f64) -> bool {
    let pause_us = results
        .arguments
        .rate
        .map_or(0.0, |rate| 1e6 * results.connections.opened as f64 / rate);
    // Linux acknowledges at once after a pause of more than the timeout, and a shorter
    // one leaves a reply without a message that carries its ACK.
    let timeout_us = *DELAYED_ACK_US.start();
    let ordinary = if pause_us > timeout_us { 1.0 } else { extra };
    pause_us < 2.0 * timeout_us && extra > share / 2.0 && acks > ordinary + extra / 2.0
}

/// The share of the latencies that are about as long as a delayed
/// acknowledgement.
fn plateau(results: &Results) -> f64 {
    let latency = results.latency_uncorrected.as_ref();
    let curve = &latency.unwrap_or(&results.latency).curve;
    let below = |us: f64| {
        let below = curve.iter().take_while(|point| point.latency_us <= us);
        below.last().map_or(0.0, |point| point.quantile)
    };
    below(*DELAYED_ACK_US.end()) - below(*DELAYED_ACK_US.start())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{
        results::TcpEnd,
        statistics::Point,
        verdict::tests::{noted, valid},
    };

    fn client(results: &mut Results) -> &mut TcpEnd {
        &mut results.tcp.as_mut().unwrap().client
    }

    #[test]
    fn loss_is_noted_with_its_weight() {
        let slow = |latency_us, cause| SlowMessage {
            latency_us,
            cause,
            ..SlowMessage::default()
        };
        let lose = |retransmitted: u64, spurious: u64, slowest: Vec<SlowMessage>| {
            move |results: &mut Results| {
                client(results).segments_out = 12_000;
                client(results).retransmitted = retransmitted;
                client(results).spurious = spurious;
                results.slowest = slowest;
            }
        };
        let (timeout, server) = (
            slow(201_000.0, Cause::Retransmission),
            slow(300_000.0, Cause::ServerOrPath),
        );
        noted(
            lose(34, 0, vec![timeout.clone(), slow(900.0, Cause::RunQueue)]),
            "34 of 12000 segments retransmitted (0.28 %): latencies above 200 ms are loss on the \
             path, not the server",
        );
        // The server has its share.
        noted(
            lose(34, 0, vec![server.clone(), timeout.clone()]),
            "not the server, is known to have made 1 of the 2 slowest messages slow; find",
        );
        noted(
            lose(34, 33, vec![server.clone()]),
            "is known to have made 0 of the 1 slowest",
        );
        // Nothing was lost, and the replies were.
        valid(lose(34, 34, vec![server]));
        noted(
            lose(34, 34, vec![timeout]),
            "latencies above 200 ms are loss",
        );
        // What the server's end sent again is as bad.
        noted(
            |results| {
                let server = TcpEnd {
                    retransmitted: 1,
                    segments_out: 9_000_000,
                    ..TcpEnd::default()
                };
                results.tcp.as_mut().unwrap().server = Some(server);
            },
            "1 of 10000000 segments retransmitted (0.00 %)",
        );
        valid(|results| results.tcp = None);
    }

    /// A tenth of the latencies, or a share of 1, are 41 ms.
    fn stay(share: f64, results: &mut Results) {
        let point = |quantile, latency_us| Point {
            quantile,
            latency_us,
        };
        let latency = results.latency_uncorrected.as_mut().unwrap();
        latency.curve = vec![
            point(0.0, 20.0),
            point(1.0 - share, 40.0),
            point(1.0, 41_000.0),
        ];
    }

    /// The server's replies come in two segments, with an ACK for each.
    fn split_replies(share: f64, results: &mut Results) {
        slow_replies(share, results);
        let more = client(results).data_segments_in - client(results).data_segments_out;
        client(results).segments_out += more;
    }

    /// They come in two segments at once, and late.
    fn slow_replies(share: f64, results: &mut Results) {
        stay(share, results);
        let more = (1e6 * share).round();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // up to a million
        let more = more as u64;
        client(results).data_segments_in += more;
        client(results).segments_in += more;
        client(results).segments_out += more;
    }

    #[test]
    fn a_server_that_writes_in_parts_is_named() {
        for share in [0.05, 1.0] {
            noted(
                |results| split_replies(share, results),
                "of the latencies are about 40 ms, the timeout of delayed acknowledgements: the \
                 server sends",
            );
        }
        valid(|results| split_replies(0.04, results));
        // Four messages and their replies at a time.
        noted(
            |results| {
                split_replies(1.0, results);
                results.messages.replies *= 4;
                results.messages.wire_bytes *= 4;
            },
            "the server sends 2.00 segments for each that it gets",
        );
        // The same segments without the plateau are an ordinary server.
        valid(|results| {
            split_replies(1.0, results);
            stay(0.0, results);
        });
        // A large reply has several segments anyway.
        valid(|results| {
            split_replies(1.0, results);
            results.messages.wire_bytes = 2000 * results.messages.replies;
        });
    }

    #[test]
    fn a_server_that_thinks_for_40_ms_is_not() {
        valid(|results| stay(1.0, results));
        // Nor if it writes in parts.
        for share in [0.05, 1.0] {
            valid(|results| slow_replies(share, results));
        }
        // Then each of them is acknowledged when messages are far apart.
        valid(|results| {
            split_replies(1.0, results);
            results.arguments.rate = Some(4.0 / 0.1);
        });
        // Its host acknowledges meanwhile.
        valid(|results| {
            stay(1.0, results);
            client(results).segments_in += 1_000_000;
        });
        // And this one each reply, when the next message takes longer.
        valid(|results| {
            stay(1.0, results);
            client(results).segments_in += 1_000_000;
            client(results).segments_out += 1_000_000;
        });
    }

    #[test]
    fn a_client_that_holds_messages_back_names_itself() {
        let hold = |pipeline: u64| {
            move |results: &mut Results| {
                stay(0.5, results);
                client(results).segments_in += 500_000;
                results.arguments.nodelay = false;
                results.arguments.pipeline = pipeline;
            }
        };
        noted(hold(2), "this client holds messages back (--no-nodelay)");
        // With one in flight there is nothing to hold back.
        valid(hold(1));
    }
}
