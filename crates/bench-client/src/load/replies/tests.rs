//! A sequence of messages with one fault in it has one failure, of its kind,
//! whatever the pipeline, the size and the wire.

use std::collections::VecDeque;

use proptest::prelude::*;
use proto::{Reader, Received, Wire, Writer};

use super::{
    super::{
        failure::{Failure, Failures},
        payload::{self, Payloads, tests::whole},
        recorder::{Interval, Recorder, Shard},
        window::Window,
    },
    ConnectionOutcome, Flight, FlightEnd, Replies, Rules,
};

const SEED: u64 = 7;
const TIMEOUT_NS: u64 = 1_000_000;
const FRAMED: fn() -> Wire = Wire::default;
const RAW: fn() -> Wire = || Wire::Raw;

/// What a server does wrong, once.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    /// No reply.
    Swallow,
    /// No reply until it is too late.
    Late,
    /// The reply twice.
    Duplicate,
    /// One bit of the reply, counted from its last one, is flipped.
    Flip(usize),
    /// Bytes are missing at the end of the reply.
    Short(usize),
    /// The reply has one byte more.
    Long,
    /// A larger frame of junk comes after the reply.
    Junk,
    /// In place of the reply comes one of another connection.
    Other,
    /// The reply comes after the next one.
    Swap,
    /// The server closes the connection.
    Close,
}

/// What came of a run.
struct LoadOutcome {
    failures: Failures,
    tally: ConnectionOutcome,
    measured: Interval,
}

impl LoadOutcome {
    fn failures(&self) -> Vec<(String, u64)> {
        self.failures.by_name().into_iter().collect()
    }
}

/// Messages of these sizes, some in flight at once, on one connection. Time is
/// counted in replies.
struct Run<'a> {
    sizes: &'a [usize],
    pipeline: usize,
    fault: Fault,
    /// The message that the fault happens to.
    at: usize,
    /// Bytes that a read brings at most.
    cut: usize,
}

impl Run<'_> {
    fn go(&self, wire: Wire) -> LoadOutcome {
        let body = payload::body(*self.sizes.iter().max().unwrap(), SEED, 1.0);
        let (window, shard) = (Window::new(0, None), Shard::new(false));
        let rules = Rules {
            wire,
            verify: true,
            timeout_ns: TIMEOUT_NS,
        };
        let payloads = Payloads::new(3, SEED, &body);
        let mut replies = Replies::new(rules, payloads, &window, Recorder::new(&shard, 0), None);
        let (failure, now_ns) = self.converse(&mut replies, &body);
        let ending = match failure {
            None => FlightEnd::TimedOut,
            Some(failure) => {
                replies.failures.add(failure);
                FlightEnd::Lost
            }
        };
        replies.end(now_ns + TIMEOUT_NS, ending);
        let mut measured = Interval::new(false);
        shard.drain_into(&mut measured);
        LoadOutcome {
            failures: replies.failures,
            tally: replies.tally,
            measured,
        }
    }

    fn converse(&self, replies: &mut Replies<'_>, body: &[u8]) -> (Option<Failure>, u64) {
        let wire = replies.rules.wire;
        let mut reader = Reader::new(wire).max_read(Some(self.cut));
        let (mut sent, mut now_ns) = (0, 0);
        let mut asked: VecDeque<usize> = VecDeque::new();
        let (mut held, mut late) = (None, None);
        loop {
            while sent < self.sizes.len() && replies.in_flight() < self.pipeline {
                replies.sent(Flight {
                    sequence: sent as u64,
                    len: self.sizes[sent],
                    wire_len: self.sizes[sent] + 4,
                    intended_ns: now_ns,
                    sent_ns: now_ns,
                    is_held: false,
                });
                asked.push_back(sent);
                sent += 1;
            }
            let Some(message) = asked.pop_front() else {
                let Some(reply) = late.take() else {
                    return (None, now_ns);
                };
                // Later than all others, and than it may be.
                now_ns += 10 * TIMEOUT_NS;
                replies.give_up_overdue(now_ns);
                if let Err(failure) = feed(replies, &mut reader, &[reply], now_ns) {
                    return (Some(failure), now_ns);
                }
                continue;
            };
            now_ns += 1;
            if self.fault == Fault::Close && message == self.at {
                return (Some(Failure::Closed), now_ns);
            }
            let own = whole(&replies.payloads, message as u64, self.sizes[message]);
            let mut answers = if message == self.at {
                self.wrong(own, body, &mut held, &mut late)
            } else {
                vec![own]
            };
            if message == self.at + 1 {
                answers.extend(held.take());
            }
            if let Err(failure) = feed(replies, &mut reader, &answers, now_ns) {
                return (Some(failure), now_ns);
            }
        }
    }

    /// What comes in place of a reply.
    fn wrong(
        &self,
        mut own: Vec<u8>,
        body: &[u8],
        held: &mut Option<Vec<u8>>,
        late: &mut Option<Vec<u8>>,
    ) -> Vec<Vec<u8>> {
        match self.fault {
            Fault::None | Fault::Close => {}
            Fault::Swallow => return Vec::new(),
            Fault::Late => {
                *late = Some(own);
                return Vec::new();
            }
            Fault::Duplicate => return vec![own.clone(), own],
            Fault::Flip(bit) => {
                let byte = own.len() - 1 - bit / 8 % own.len();
                own[byte] ^= 1 << (bit % 8);
            }
            Fault::Short(bytes) => own.truncate(own.len() - bytes.clamp(1, own.len())),
            Fault::Long => own.push(0xee),
            Fault::Junk => {
                // Of a message's length it could be the next reply, corrupted.
                return vec![own, vec![0xee; 401]];
            }
            Fault::Other => {
                let other = Payloads::new(4, SEED, body);
                return vec![whole(&other, 11, own.len())];
            }
            Fault::Swap => {
                *held = Some(own);
                return Vec::new();
            }
        }
        vec![own]
    }
}

/// Lets a client read the answers.
fn feed(
    replies: &mut Replies<'_>,
    reader: &mut Reader,
    answers: &[Vec<u8>],
    now_ns: u64,
) -> Result<(), Failure> {
    let mut writer = Writer::new(replies.rules.wire);
    for answer in answers {
        writer.add(answer).unwrap();
    }
    let mut stream = writer.as_bytes();
    while !stream.is_empty() {
        match reader.read(&mut stream).unwrap() {
            Received::Batch(batch) => replies.take(&batch, now_ns)?,
            Received::Closed => unreachable!("there is more"),
        }
    }
    Ok(())
}

/// Faults, and what they are called with frames; for bare bytes see below.
fn framed_faults() -> impl Strategy<Value = (Fault, &'static str)> {
    prop_oneof![
        Just((Fault::Swallow, "timeout")),
        Just((Fault::Late, "timeout")),
        Just((Fault::Duplicate, "duplicate")),
        (0_usize..4096).prop_map(|bit| (Fault::Flip(bit), "corrupt")),
        (1_usize..400).prop_map(|bytes| (Fault::Short(bytes), "short")),
        Just((Fault::Long, "extra")),
        Just((Fault::Junk, "extra")),
        Just((Fault::Swap, "reordered")),
    ]
}

proptest! {
    #[test]
    fn one_fault_is_one_failure_of_its_kind(
        (fault, kind) in framed_faults(),
        sizes in prop_oneof![
            prop::collection::vec(prop::sample::select(vec![1_usize, 2, 5, 11, 12, 13, 64, 300]), 1)
                .prop_map(|size| vec![size[0]; 40]),
            prop::collection::vec(12_usize..400, 40),
        ],
        pipeline in prop::sample::select(vec![1_usize, 2, 4, 16, 64]),
        at in 0_usize..38,
        cut in 1_usize..2000,
    ) {
        // It takes two in flight to swap them, or to be late behind others.
        let pipeline = if matches!(fault, Fault::Swap | Fault::Late) { pipeline.max(2) } else { pipeline };
        let run = Run { sizes: &sizes, pipeline, fault, at, cut };
        let outcome = run.go(FRAMED());
        let (failures, tally) = (outcome.failures(), outcome.tally);
        prop_assert_eq!(&failures, &[(kind.to_owned(), 1)]);
        // A client with one in flight does not get past a reply that never comes.
        let is_stuck = fault == Fault::Swallow && pipeline == 1;
        let wrong = match kind {
            "duplicate" => 0,
            "extra" if fault == Fault::Junk => 0,
            _ => 1,
        };
        let expected = if is_stuck { at as u64 } else { 40 - wrong };
        prop_assert_eq!(tally.replies, expected);
        prop_assert_eq!(tally.unanswered, u64::from(kind == "timeout"));
    }

    #[test]
    fn bare_bytes_have_one_failure_too(
        fault in prop_oneof![
            Just(Fault::Swallow),
            Just(Fault::Duplicate),
            (0_usize..4096).prop_map(Fault::Flip),
            Just(Fault::Other),
            Just(Fault::Swap),
            Just(Fault::Close),
        ],
        size in prop::sample::select(vec![1_usize, 2, 5, 11, 12, 13, 64, 300]),
        pipeline in prop::sample::select(vec![2_usize, 4, 16, 64]),
        at in 0_usize..38,
        cut in 1_usize..2000,
    ) {
        let sizes = vec![size; 40];
        let run = Run { sizes: &sizes, pipeline, fault, at, cut };
        let outcome = run.go(RAW());
        let kind = match fault {
            Fault::Swallow => "timeout",
            Fault::Duplicate => "duplicate",
            Fault::Other if size >= 12 => "other_connection",
            Fault::Swap => "reordered",
            Fault::Close => "closed",
            _ => "corrupt",
        };
        prop_assert_eq!(outcome.failures(), [(kind.to_owned(), 1)]);
        let ConnectionOutcome { replies, unanswered, .. } = outcome.tally;
        match kind {
            // The place is found again.
            "timeout" | "reordered" => prop_assert_eq!(replies, 39),
            // The connection ends.
            "duplicate" => prop_assert_eq!(replies, at as u64 + 1),
            _ => prop_assert_eq!(replies, at as u64),
        }
        let lost = (40 - replies).min(pipeline as u64);
        match kind {
            "reordered" => prop_assert_eq!(unanswered, 0),
            "timeout" => prop_assert_eq!(unanswered, 1),
            _ => prop_assert!((lost - 1..=lost).contains(&unanswered), "{} of {}", unanswered, lost),
        }
    }

    #[test]
    fn without_a_fault_there_is_no_failure(
        sizes in prop::collection::vec(1_usize..400, 1..60),
        pipeline in 1_usize..80,
        cut in 1_usize..2000,
        is_raw: bool,
    ) {
        let run = Run { sizes: &sizes, pipeline, fault: Fault::None, at: 0, cut };
        let outcome = run.go(if is_raw { RAW() } else { FRAMED() });
        prop_assert!(outcome.failures().is_empty());
        prop_assert_eq!(outcome.tally.replies, sizes.len() as u64);
        prop_assert_eq!(outcome.tally.replies_in_window, sizes.len() as u64);
        prop_assert_eq!(outcome.tally.unanswered, 0);
        let measured = &outcome.measured.measured;
        prop_assert_eq!(measured.latency().len(), sizes.len() as u64);
        prop_assert_eq!(measured.payload_bytes, sizes.iter().sum::<usize>() as u64);
        prop_assert_eq!(measured.wire_bytes, sizes.iter().map(|len| len + 4).sum::<usize>() as u64);
    }
}

fn all(fault: Fault, pipeline: usize, size: usize, wire: Wire) -> LoadOutcome {
    let run = Run {
        sizes: &[size; 40],
        pipeline,
        fault,
        at: 20,
        cut: 1 << 16,
    };
    run.go(wire)
}

#[test]
fn a_reply_of_another_connection_is_told_by_its_mark() {
    for pipeline in [1, 4] {
        let outcome = all(Fault::Other, pipeline, 64, FRAMED());
        assert_eq!(outcome.failures(), [("other_connection".to_owned(), 1)]);
        // Where there is no room for one, it is a wrong reply like any other.
        let outcome = all(Fault::Other, pipeline, 5, FRAMED());
        assert_eq!(outcome.failures(), [("corrupt".to_owned(), 1)]);
        assert_eq!(outcome.tally.replies, 39);
    }
}

#[test]
fn what_is_missing_at_the_end_has_timed_out_each_for_itself() {
    for wire in [FRAMED(), RAW()] {
        let run = Run {
            sizes: &[12; 10],
            pipeline: 16,
            fault: Fault::None,
            at: 0,
            cut: 100,
        };
        let body = payload::body(12, SEED, 1.0);
        let (window, shard) = (Window::new(0, None), Shard::new(false));
        let rules = Rules {
            wire,
            verify: true,
            timeout_ns: TIMEOUT_NS,
        };
        let new = || {
            let payloads = Payloads::new(3, SEED, &body);
            let mut replies =
                Replies::new(rules, payloads, &window, Recorder::new(&shard, 0), None);
            for sequence in 0..run.sizes.len() as u64 {
                replies.sent(Flight {
                    sequence,
                    len: 12,
                    wire_len: 16,
                    intended_ns: 5,
                    sent_ns: 10 * sequence,
                    is_held: false,
                });
            }
            assert_eq!(replies.waiting_since_ns(), Some(0));
            assert_eq!((replies.in_flight(), replies.next_sequence()), (10, 10));
            replies
        };
        let end = |ending| {
            let mut replies = new();
            replies.end(500, ending);
            assert_eq!((replies.in_flight(), replies.waiting_since_ns()), (0, None));
            assert_eq!(replies.tally.unanswered, 10);
            let mut all = Interval::new(false);
            shard.drain_into(&mut all);
            let latency = all.measured.latency();
            assert_eq!(latency.len(), 10);
            (replies.failures.by_name(), latency.min(), latency.max())
        };
        let timeouts = [("timeout".to_owned(), 10)].into();
        let least = |ns: u64| (ns, ns + ns / 1000);
        let (failures, min, max) = end(FlightEnd::TimedOut);
        assert_eq!(failures, timeouts);
        assert!(min <= TIMEOUT_NS && max >= TIMEOUT_NS && max <= least(TIMEOUT_NS).1);
        let (failures, min, _) = end(FlightEnd::Lost);
        assert!(failures.is_empty() && min >= TIMEOUT_NS - TIMEOUT_NS / 1000);
        // The last was sent at 90, the first at 0.
        let (failures, min, max) = end(FlightEnd::Interrupted);
        assert!(failures.is_empty());
        assert_eq!((min, max), (410, 500));
    }
}

#[test]
fn messages_in_flight_are_counted_inside_the_window() {
    let body = payload::body(12, SEED, 1.0);
    let (window, shard) = (Window::new(100, Some(200)), Shard::new(true));
    let rules = Rules {
        wire: FRAMED(),
        verify: true,
        timeout_ns: TIMEOUT_NS,
    };
    let payloads = Payloads::new(3, SEED, &body);
    let mut replies = Replies::new(rules, payloads, &window, Recorder::new(&shard, 0), None);
    let mut reader = Reader::new(FRAMED());
    // Intended, sent and answered; the last has no reply.
    let messages = [
        (10, 20, 90),
        (50, 60, 120),
        (99, 110, 130),
        (100, 150, 260),
        (199, 199, 300),
    ];
    for (sequence, (intended_ns, sent_ns, _)) in messages.into_iter().enumerate() {
        replies.sent(Flight {
            sequence: sequence as u64,
            len: 12,
            wire_len: 16,
            intended_ns,
            sent_ns,
            is_held: false,
        });
    }
    for (sequence, (_, _, now_ns)) in messages.into_iter().enumerate().take(4) {
        let reply = whole(&payloads, sequence as u64, 12);
        feed(&mut replies, &mut reader, &[reply], now_ns).unwrap();
    }
    replies.end(300, FlightEnd::TimedOut);
    let tally = &replies.tally;
    // Two came inside, although they belong to the warm-up.
    assert_eq!(
        (tally.replies, tally.replies_in_window, tally.unanswered),
        (1, 2, 1)
    );
    assert_eq!(tally.in_flight_ns, 20 + 20 + 50 + 1);
    let mut all = Interval::new(true);
    shard.drain_into(&mut all);
    assert_eq!(all.inside, 2);
    let warmup = &all.warmup;
    assert_eq!((warmup.uncorrected.len(), warmup.payload_bytes), (3, 36));
    let measured = &all.measured;
    assert_eq!((measured.payload_bytes, measured.wire_bytes), (12, 16));
    let scheduled = measured.scheduled.as_ref().unwrap();
    assert_eq!(scheduled.lag.max(), 50);
    // From 100 to 260, and from 199 to the timeout.
    assert_eq!(scheduled.corrected.min(), 160);
    assert_eq!(measured.uncorrected.min(), 110);
    assert!(scheduled.corrected.max() >= TIMEOUT_NS - TIMEOUT_NS / 1000);
    assert_eq!(scheduled.corrected.len(), 2);
}

#[test]
fn what_is_not_verified_is_counted() {
    let body = payload::body(12, SEED, 1.0);
    let (window, shard) = (Window::new(0, None), Shard::new(false));
    for wire in [FRAMED(), RAW()] {
        let rules = Rules {
            wire,
            verify: false,
            timeout_ns: TIMEOUT_NS,
        };
        let payloads = Payloads::new(3, SEED, &body);
        let mut replies = Replies::new(rules, payloads, &window, Recorder::new(&shard, 0), None);
        let mut reader = Reader::new(wire);
        for sequence in 0..2 {
            replies.sent(Flight {
                sequence,
                len: 12,
                wire_len: 16,
                intended_ns: 0,
                sent_ns: 0,
                is_held: false,
            });
        }
        let wrong = vec![0; 12];
        feed(
            &mut replies,
            &mut reader,
            &[wrong.clone(), wrong.clone()],
            1,
        )
        .unwrap();
        assert_eq!((replies.tally.replies, replies.failures.total()), (2, 0));
        let surplus = feed(&mut replies, &mut reader, &[wrong], 1);
        match wire {
            Wire::Framed(_) => assert_eq!(replies.failures.total(), 1),
            Wire::Raw => assert_eq!(surplus, Err(Failure::Extra)),
        }
    }
}

#[test]
fn echoes_of_heartbeats_are_no_replies() {
    let body = payload::body(12, SEED, 1.0);
    let (window, shard) = (Window::new(0, None), Shard::new(false));
    let rules = Rules {
        wire: FRAMED(),
        verify: true,
        timeout_ns: TIMEOUT_NS,
    };
    let payloads = Payloads::new(3, SEED, &body);
    let mut replies = Replies::new(rules, payloads, &window, Recorder::new(&shard, 0), None);
    let mut reader = Reader::new(FRAMED());
    replies.echoes_due = 1;
    feed(&mut replies, &mut reader, &[Vec::new()], 1).unwrap();
    assert_eq!((replies.echoes_due, replies.failures.total()), (0, 0));
    feed(&mut replies, &mut reader, &[Vec::new()], 1).unwrap();
    assert_eq!(replies.failures.by_name(), [("extra".to_owned(), 1)].into());
}

/// Messages without a reply while those behind them have one: given up at the
/// timeout, each once, and what comes later of them is no other failure.
#[test]
fn messages_passed_over_time_out() {
    let body = payload::body(12, SEED, 1.0);
    let (window, shard) = (Window::new(0, None), Shard::new(false));
    let rules = Rules {
        wire: FRAMED(),
        verify: true,
        timeout_ns: TIMEOUT_NS,
    };
    let payloads = Payloads::new(3, SEED, &body);
    let mut replies = Replies::new(rules, payloads, &window, Recorder::new(&shard, 0), None);
    let mut reader = Reader::new(FRAMED());
    let send = |replies: &mut Replies<'_>, sequence, sent_ns| {
        replies.sent(Flight {
            sequence,
            len: 12,
            wire_len: 16,
            intended_ns: sent_ns,
            sent_ns,
            is_held: false,
        });
    };
    let mut answer = |replies: &mut Replies<'_>, sequence, now_ns| {
        let reply = whole(&payloads, sequence, 12);
        feed(replies, &mut reader, &[reply], now_ns).unwrap();
        (replies.in_flight(), replies.failures.total())
    };
    for (sequence, sent_ns) in [(0, 0), (1, 0), (2, 5), (3, 10), (4, 10)] {
        send(&mut replies, sequence, sent_ns);
    }
    assert_eq!(answer(&mut replies, 2, 20), (4, 0));
    // The next in order is the one behind it, not the oldest.
    assert_eq!(replies.waiting_since_ns(), Some(10));
    assert_eq!(answer(&mut replies, 3, TIMEOUT_NS - 1), (3, 0));
    // The last is as late, and was not passed over before.
    assert_eq!(answer(&mut replies, 4, TIMEOUT_NS), (0, 2));
    assert_eq!(
        replies.failures.by_name(),
        [("timeout".to_owned(), 2)].into()
    );
    assert_eq!(replies.waiting_since_ns(), None);
    // Too late for any of the kinds.
    assert_eq!(answer(&mut replies, 0, 2 * TIMEOUT_NS), (0, 2));
    assert_eq!(answer(&mut replies, 1, 2 * TIMEOUT_NS), (0, 2));
    // In order again, whatever its age.
    send(&mut replies, 5, 10);
    replies.give_up_overdue(2 * TIMEOUT_NS);
    assert_eq!(answer(&mut replies, 5, 2 * TIMEOUT_NS), (0, 2));
    assert_eq!(replies.tally.replies, 4);
}

/// A connection that ends in the middle of a reply has cut it.
#[test]
fn the_middle_of_a_bare_reply_is_known() {
    let body = payload::body(12, SEED, 1.0);
    let (window, shard) = (Window::new(0, None), Shard::new(false));
    let rules = Rules {
        wire: RAW(),
        verify: true,
        timeout_ns: TIMEOUT_NS,
    };
    let payloads = Payloads::new(3, SEED, &body);
    let mut replies = Replies::new(rules, payloads, &window, Recorder::new(&shard, 0), None);
    let mut reader = Reader::new(RAW());
    for sequence in 0..3 {
        replies.sent(Flight {
            sequence,
            len: 12,
            wire_len: 12,
            intended_ns: 0,
            sent_ns: 0,
            is_held: false,
        });
    }
    let [first, second, third] = [0, 1, 2].map(|sequence| whole(&payloads, sequence, 12));
    let mut is_inside = |bytes: &[u8]| {
        feed(&mut replies, &mut reader, &[bytes.to_vec()], 1).unwrap();
        replies.is_inside_reply()
    };
    assert!(!is_inside(&[]));
    assert!(is_inside(&first[..1]));
    assert!(is_inside(&first[1..3]));
    assert!(!is_inside(&first[3..]));
    // The first bytes of another than the next: whose they are is open.
    let differing = second.iter().zip(&third).position(|(a, b)| a != b).unwrap();
    assert!(is_inside(&third[..=differing]));
    assert!(!is_inside(&third[differing + 1..]));
    assert_eq!(replies.tally.replies, 2);
}

/// A reply that is ours: again, long after; and of a message never sent.
#[test]
fn a_reply_of_a_message_never_sent_is_no_duplicate() {
    let body = payload::body(12, SEED, 1.0);
    let (window, shard) = (Window::new(0, None), Shard::new(false));
    let rules = Rules {
        wire: FRAMED(),
        verify: true,
        timeout_ns: TIMEOUT_NS,
    };
    let payloads = Payloads::new(3, SEED, &body);
    let mut reader = Reader::new(FRAMED());
    for (sequence, kind) in [
        (0, "duplicate"),
        (1, "duplicate"),
        (2, "extra"),
        (5, "extra"),
    ] {
        let mut replies = Replies::new(rules, payloads, &window, Recorder::new(&shard, 0), None);
        for sent in 0..2 {
            replies.sent(Flight {
                sequence: sent,
                len: 12,
                wire_len: 16,
                intended_ns: 0,
                sent_ns: 0,
                is_held: false,
            });
        }
        let answers = [0, 1, sequence].map(|sequence| whole(&payloads, sequence, 12));
        feed(&mut replies, &mut reader, &answers, 1).unwrap();
        assert_eq!(replies.failures.by_name(), [(kind.to_owned(), 1)].into());
    }
}
