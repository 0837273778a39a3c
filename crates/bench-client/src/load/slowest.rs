//! The slowest messages, and what was going on around each.

use std::{
    collections::VecDeque,
    mem,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bench_report::results::{Cause, SlowMessage};
use transport::{TcpInfo, sock_diag};

use super::{Link, clock::nanos, flight::Flight, lock::lock};
use crate::machine::cpu;

/// How many are kept.
const MAX_SLOWEST: usize = 20;

/// A message is one of them if it is slower than the least by this share of it.
/// However long a run gets slower and slower, few are then examined:
/// 20 × log(10^6) / log(9/8), 2,300 from 1 µs to 1 s, at 30 µs each.
const MARGIN: u32 = 8;

/// A segment that was lost holds its message up for longer: the kernel waits two
/// ticks, of 1 ms at least, before it sends one again (`TCP_TIMEOUT_MIN`).
const MIN_LOSS_US: f64 = 2_000.0;

/// The slowest messages of a run.
#[derive(Debug, Default)]
pub(super) struct Slowest {
    /// Others took more, in nanoseconds. Relaxed: it orders nothing.
    floor_ns: AtomicU64,
    messages: Mutex<Vec<SlowMessage>>,
}

impl Slowest {
    fn admits(&self, latency_ns: u64) -> bool {
        latency_ns > self.floor_ns.load(Ordering::Relaxed)
    }

    fn add(&self, message: SlowMessage) {
        let mut messages = lock(&self.messages);
        messages.push(message);
        messages.sort_by(|a, b| b.latency_us.total_cmp(&a.latency_us));
        messages.truncate(MAX_SLOWEST);
        if let Some(least) = messages.get(MAX_SLOWEST - 1) {
            let least = Duration::from_secs_f64(least.latency_us / 1e6);
            let floor_ns = nanos(least + least / MARGIN);
            self.floor_ns.store(floor_ns, Ordering::Relaxed);
        }
    }

    pub(super) fn take(&self) -> Vec<SlowMessage> {
        mem::take(&mut lock(&self.messages))
    }
}

/// Examines the slow messages of one connection, in its thread.
pub(super) struct Examiner<'a> {
    slowest: &'a Slowest,
    link: Arc<Link>,
    /// The last sample before a message was due, and those since.
    samples: VecDeque<Counts>,
}

/// What had happened to a connection and its thread at an instant.
#[derive(Clone, Copy, Default)]
struct Counts {
    /// In nanoseconds since the load began.
    at_ns: u64,
    /// How long the thread had waited for a CPU.
    waited: Duration,
    /// Segments that the ends have retransmitted, as far as they are known, and those
    /// of them that were spurious.
    sent_again: [u64; 2],
}

impl<'a> Examiner<'a> {
    /// For the thread that calls this at `now_ns`, before its first message. Its
    /// connection has not sent anything.
    pub(super) fn new(slowest: &'a Slowest, link: Arc<Link>, now_ns: u64) -> Self {
        let first = Counts {
            at_ns: now_ns,
            waited: cpu::run_queue_wait().unwrap_or_default(),
            sent_again: [0; 2],
        };
        Self {
            slowest,
            link,
            samples: [first].into(),
        }
    }

    /// Goes on with another connection of the same thread.
    pub(super) fn go_on(&mut self, link: Arc<Link>) {
        self.link = link;
        for sample in &mut self.samples {
            sample.sent_again = [0; 2];
        }
    }

    /// Takes a message whose reply was read, or given up, at `now_ns`, and the last one
    /// in flight. Costs a load and a comparison unless it is slow.
    pub(super) fn consider<'f>(
        &mut self,
        flight: &Flight,
        now_ns: u64,
        last: impl FnOnce() -> Option<&'f Flight>,
    ) {
        let latency_ns = now_ns.saturating_sub(flight.intended_ns);
        if self.slowest.admits(latency_ns) {
            // Those of one write have one time.
            let is_last = last().is_none_or(|last| last.sent_ns == flight.sent_ns);
            self.examine(flight, is_last, now_ns);
        }
    }

    #[cold]
    fn examine(&mut self, flight: &Flight, is_last: bool, now_ns: u64) {
        let us = |ns: u64| ns as f64 / 1e3;
        let latency_ns = now_ns.saturating_sub(flight.intended_ns);
        let tcp = self.link.ends.and_then(sock_diag::find);
        let may_be_lost = tcp.filter(|_| us(latency_ns) >= MIN_LOSS_US);
        let sent_again = may_be_lost.map(|own| self.sent_again(&own));
        let waited = cpu::run_queue_wait();
        let [before, newest] = self.samples_around(flight.intended_ns);
        let grown = |kind: usize| {
            sent_again.map(|counts| counts[kind].saturating_sub(before.sent_again[kind]))
        };
        let ms = |since: fn(&TcpInfo) -> u32| tcp.as_ref().map(|tcp| 1e3 * f64::from(since(tcp)));
        self.slowest.add(SlowMessage {
            connection: self.link.index,
            due_s: us(flight.intended_ns) / 1e6,
            latency_us: us(latency_ns),
            lag_us: us(flight.sent_ns.saturating_sub(flight.intended_ns)),
            held: flight.is_held,
            run_queue_wait_us: waited
                .map(|waited| 1e6 * waited.saturating_sub(before.waited).as_secs_f64()),
            run_queue_window_us: waited.map(|_| us(now_ns.saturating_sub(before.at_ns))),
            retransmitted: grown(0),
            spurious: grown(1),
            since_sent_us: ms(|tcp| tcp.since_sent_ms).filter(|_| is_last),
            since_received_us: ms(|tcp| tcp.since_received_ms),
            rtt_above_min_us: tcp.map(|tcp| tcp.rtt_us.saturating_sub(tcp.min_rtt_us).into()),
            cause: Cause::default(),
        });
        // An eighth of the latency is near enough, so few are kept.
        if now_ns.saturating_sub(newest.at_ns) >= latency_ns / 8 {
            self.samples.push_back(Counts {
                at_ns: now_ns,
                waited: waited.unwrap_or_default(),
                sent_again: sent_again.unwrap_or(newest.sent_again),
            });
        }
    }

    /// The last sample at `due_ns` or before, and the last of all. Messages are due in
    /// order, so no later one needs earlier samples.
    fn samples_around(&mut self, due_ns: u64) -> [Counts; 2] {
        while self.samples.get(1).is_some_and(|next| next.at_ns <= due_ns) {
            self.samples.pop_front();
        }
        [self.samples.front(), self.samples.back()]
            .map(|sample| sample.copied().unwrap_or_default())
    }

    fn sent_again(&self, own: &TcpInfo) -> [u64; 2] {
        let peer = self.link.peer_on_this_host().and_then(sock_diag::find);
        let sum = |count: fn(&TcpInfo) -> u32| {
            u64::from(count(own)) + peer.as_ref().map_or(0, |peer| count(peer).into())
        };
        [sum(|end| end.retransmitted), sum(|end| end.spurious)]
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn the_slowest_are_kept_with_a_margin() {
        let slowest = Slowest::default();
        let mut admitted = 0;
        for us in (1..=1000).chain((1..=1000).rev()) {
            if slowest.admits(1000 * us) {
                admitted += 1;
                slowest.add(SlowMessage {
                    latency_us: us as f64,
                    ..SlowMessage::default()
                });
            }
        }
        // Each has to be slower by an eighth: 20 × ln(1000) / ln(9/8).
        assert!((100..1200).contains(&admitted), "{admitted}");
        let latencies: Vec<f64> = slowest.take().iter().map(|each| each.latency_us).collect();
        assert_eq!(latencies.len(), MAX_SLOWEST);
        assert!(latencies.is_sorted_by(|a, b| a >= b), "{latencies:?}");
        assert!(
            latencies[MAX_SLOWEST - 1] > 1000.0 * 8.0 / 9.0 - 20.0,
            "{latencies:?}"
        );
        assert!(slowest.take().is_empty());
    }

    /// The last sample may be in the middle of a message's latency.
    #[test]
    fn what_is_seen_around_a_message_begins_before_it_was_due() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let link = Arc::new(Link::new(0, stream.into()));
        let slowest = Slowest::default();
        let mut examiner = Examiner::new(&slowest, link, 0);
        for (due_ms, reply_ms) in [(20, 100), (90, 150), (120, 200), (160, 300)] {
            let due_ns = 1_000_000 * due_ms;
            let flight = Flight {
                sequence: 0,
                len: 12,
                wire_len: 16,
                intended_ns: due_ns,
                sent_ns: due_ns,
                is_held: false,
            };
            examiner.consider(&flight, 1_000_000 * reply_ms, || None);
        }
        let mut messages = slowest.take();
        messages.sort_by(|a, b| a.due_s.total_cmp(&b.due_s));
        let windows: Vec<_> = messages
            .iter()
            .map(|each| each.run_queue_window_us)
            .collect();
        if cpu::run_queue_wait().is_some() {
            let since = [100.0, 150.0, 100.0, 150.0].map(|ms| Some(1e3 * ms));
            assert_eq!(windows, since);
        }
    }
}
