//! A sequence of messages with one fault in it has one failure, of its kind,
//! whatever the pipeline, the size and the wire.

use std::collections::VecDeque;

use bench_report::ConnectionOutcome;
use proptest::prelude::*;
use proto::{Reader, Wire};

use super::{FRAMED, Ground, RAW, SEED, TIMEOUT_NS, feed, send};
use crate::load::{
    failure::{Failure, Failures},
    payload::{Payloads, tests::whole},
    recorder::Interval,
    replies::{FlightEnd, Replies},
};

/// What a server does wrong, once.
#[derive(Clone, Copy, Debug, PartialEq)]
enum ReplyFault {
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
struct FaultOutcome {
    failures: Failures,
    tally: ConnectionOutcome,
    measured: Interval,
}

impl FaultOutcome {
    fn failures(&self) -> Vec<(String, u64)> {
        self.failures.by_name().into_iter().collect()
    }
}

/// Messages of these sizes, some in flight at once, on one connection. Time is
/// counted in replies.
struct FaultRun<'a> {
    sizes: &'a [usize],
    pipeline: usize,
    fault: ReplyFault,
    /// The message that the fault happens to.
    at: usize,
    /// Bytes that a read brings at most.
    cut: usize,
}

impl FaultRun<'_> {
    fn go(&self, wire: Wire) -> FaultOutcome {
        let ground = Ground::new(*self.sizes.iter().max().unwrap());
        let mut replies = ground.replies(wire);
        let (failure, now_ns) = self.converse(&mut replies, &ground.body);
        let ending = match failure {
            None => FlightEnd::TimedOut,
            Some(failure) => {
                replies.failures.add(failure);
                FlightEnd::Lost
            }
        };
        replies.end(now_ns + TIMEOUT_NS, ending);
        FaultOutcome {
            failures: replies.failures,
            tally: replies.tally,
            measured: ground.drained(false),
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
                send(replies, self.sizes[sent], now_ns);
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
            if self.fault == ReplyFault::Close && message == self.at {
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
            ReplyFault::None | ReplyFault::Close => {}
            ReplyFault::Swallow => return Vec::new(),
            ReplyFault::Late => {
                *late = Some(own);
                return Vec::new();
            }
            ReplyFault::Duplicate => return vec![own.clone(), own],
            ReplyFault::Flip(bit) => {
                let byte = own.len() - 1 - bit / 8 % own.len();
                own[byte] ^= 1 << (bit % 8);
            }
            ReplyFault::Short(bytes) => own.truncate(own.len() - bytes.clamp(1, own.len())),
            ReplyFault::Long => own.push(0xee),
            ReplyFault::Junk => {
                // Of a message's length it could be the next reply, corrupted.
                return vec![own, vec![0xee; 401]];
            }
            ReplyFault::Other => {
                let other = Payloads::new(4, SEED, body);
                return vec![whole(&other, 11, own.len())];
            }
            ReplyFault::Swap => {
                *held = Some(own);
                return Vec::new();
            }
        }
        vec![own]
    }
}

/// Faults, and what they are called with frames; for raw bytes see below.
fn framed_faults() -> impl Strategy<Value = (ReplyFault, &'static str)> {
    prop_oneof![
        Just((ReplyFault::Swallow, "timeout")),
        Just((ReplyFault::Late, "timeout")),
        Just((ReplyFault::Duplicate, "duplicate")),
        (0_usize..4096).prop_map(|bit| (ReplyFault::Flip(bit), "corrupt")),
        (1_usize..400).prop_map(|bytes| (ReplyFault::Short(bytes), "short")),
        Just((ReplyFault::Long, "extra")),
        Just((ReplyFault::Junk, "extra")),
        Just((ReplyFault::Swap, "reordered")),
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
        let pipeline = if matches!(fault, ReplyFault::Swap | ReplyFault::Late) { pipeline.max(2) } else { pipeline };
        let run = FaultRun { sizes: &sizes, pipeline, fault, at, cut };
        let outcome = run.go(FRAMED());
        let (failures, tally) = (outcome.failures(), outcome.tally);
        prop_assert_eq!(&failures, &[(kind.to_owned(), 1)]);
        // A client with one in flight does not get past a reply that never comes.
        let is_stuck = fault == ReplyFault::Swallow && pipeline == 1;
        let wrong = match kind {
            "duplicate" => 0,
            "extra" if fault == ReplyFault::Junk => 0,
            _ => 1,
        };
        let expected = if is_stuck { at as u64 } else { 40 - wrong };
        prop_assert_eq!(tally.replies, expected);
        prop_assert_eq!(tally.unanswered, u64::from(kind == "timeout"));
    }

    #[test]
    fn bare_bytes_have_one_failure_too(
        fault in prop_oneof![
            Just(ReplyFault::Swallow),
            Just(ReplyFault::Duplicate),
            (0_usize..4096).prop_map(ReplyFault::Flip),
            Just(ReplyFault::Other),
            Just(ReplyFault::Swap),
            Just(ReplyFault::Close),
        ],
        size in prop::sample::select(vec![1_usize, 2, 5, 11, 12, 13, 64, 300]),
        pipeline in prop::sample::select(vec![2_usize, 4, 16, 64]),
        at in 0_usize..38,
        cut in 1_usize..2000,
    ) {
        let sizes = vec![size; 40];
        let run = FaultRun { sizes: &sizes, pipeline, fault, at, cut };
        let outcome = run.go(RAW());
        let kind = match fault {
            ReplyFault::Swallow => "timeout",
            ReplyFault::Duplicate => "duplicate",
            ReplyFault::Other if size >= 12 => "other_connection",
            ReplyFault::Swap => "reordered",
            ReplyFault::Close => "closed",
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
        let run = FaultRun { sizes: &sizes, pipeline, fault: ReplyFault::None, at: 0, cut };
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

fn all(fault: ReplyFault, pipeline: usize, size: usize, wire: Wire) -> FaultOutcome {
    let run = FaultRun {
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
        let outcome = all(ReplyFault::Other, pipeline, 64, FRAMED());
        assert_eq!(outcome.failures(), [("other_connection".to_owned(), 1)]);
        // Where there is no room for one, it is a wrong reply like any other.
        let outcome = all(ReplyFault::Other, pipeline, 5, FRAMED());
        assert_eq!(outcome.failures(), [("corrupt".to_owned(), 1)]);
        assert_eq!(outcome.tally.replies, 39);
    }
}
