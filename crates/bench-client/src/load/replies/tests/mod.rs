//! The verification of replies, on one connection.

use proto::{Reader, Received, Wire, Writer};

use super::{
    super::{
        failure::Failure,
        payload::{self, Payloads, tests::whole},
        recorder::{Interval, Recorder, Shard},
        window::Window,
    },
    Flight, FlightEnd, Replies, Rules,
};

mod faults;

const SEED: u64 = 7;
const TIMEOUT_NS: u64 = 1_000_000;
const FRAMED: fn() -> Wire = Wire::default;
const RAW: fn() -> Wire = || Wire::Raw;

/// What the replies of a connection borrow.
struct Ground {
    body: Vec<u8>,
    window: Window,
    shard: Shard,
}

impl Ground {
    /// For messages of up to `largest` bytes.
    fn new(largest: usize) -> Self {
        Self {
            body: payload::body(largest, SEED, 1.0),
            window: Window::new(0, None),
            shard: Shard::new(false),
        }
    }

    fn payloads(&self) -> Payloads<'_> {
        Payloads::new(3, SEED, &self.body)
    }

    fn replies(&self, wire: Wire) -> Replies<'_> {
        let rules = Rules {
            wire,
            verify: true,
            timeout_ns: TIMEOUT_NS,
        };
        let recorder = Recorder::new(&self.shard, 0);
        Replies::new(rules, self.payloads(), &self.window, recorder, None)
    }

    /// What was recorded.
    fn drained(&self, has_schedule: bool) -> Interval {
        let mut all = Interval::new(has_schedule);
        self.shard.drain_into(&mut all);
        all
    }
}

/// Sends the next message.
fn send(replies: &mut Replies<'_>, len: usize, now_ns: u64) {
    send_late(replies, len, now_ns, now_ns);
}

fn send_late(replies: &mut Replies<'_>, len: usize, intended_ns: u64, sent_ns: u64) {
    replies.sent(Flight {
        sequence: replies.next_sequence(),
        len,
        wire_len: len + 4,
        intended_ns,
        sent_ns,
        is_held: false,
    });
}

fn failed(replies: &Replies<'_>) -> Vec<(String, u64)> {
    replies.failures.by_name().into_iter().collect()
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

#[test]
fn what_is_missing_at_the_end_has_timed_out_each_for_itself() {
    for wire in [FRAMED(), RAW()] {
        let end = |ending| {
            let ground = Ground::new(12);
            let mut replies = ground.replies(wire);
            for sequence in 0..10 {
                send_late(&mut replies, 12, 5, 10 * sequence);
            }
            assert_eq!(replies.waiting_since_ns(), Some(0));
            assert_eq!((replies.in_flight(), replies.next_sequence()), (10, 10));
            replies.end(500, ending);
            assert_eq!((replies.in_flight(), replies.waiting_since_ns()), (0, None));
            assert_eq!(replies.tally.unanswered, 10);
            let all = ground.drained(false);
            let latency = all.measured.latency();
            assert_eq!(latency.len(), 10);
            (failed(&replies), latency.min(), latency.max())
        };
        let least = TIMEOUT_NS - TIMEOUT_NS / 1000;
        let (failures, min, max) = end(FlightEnd::TimedOut);
        assert_eq!(failures, [("timeout".to_owned(), 10)]);
        assert!(min <= TIMEOUT_NS && max >= TIMEOUT_NS);
        assert!(max <= TIMEOUT_NS + TIMEOUT_NS / 1000);
        let (failures, min, _) = end(FlightEnd::Lost);
        assert!(failures.is_empty() && min >= least);
        // The last was sent at 90, the first at 0.
        let (failures, min, max) = end(FlightEnd::Interrupted);
        assert!(failures.is_empty());
        assert_eq!((min, max), (410, 500));
    }
}

#[test]
fn messages_in_flight_are_counted_inside_the_window() {
    let mut ground = Ground::new(12);
    (ground.window, ground.shard) = (Window::new(100, Some(200)), Shard::new(true));
    let mut replies = ground.replies(FRAMED());
    let mut reader = Reader::new(FRAMED());
    // Intended, sent and answered; the last has no reply.
    let messages = [
        (10, 20, 90),
        (50, 60, 120),
        (99, 110, 130),
        (100, 150, 260),
        (199, 199, 300),
    ];
    for (intended_ns, sent_ns, _) in messages {
        send_late(&mut replies, 12, intended_ns, sent_ns);
    }
    for (sequence, (_, _, now_ns)) in (0..).zip(messages).take(4) {
        let reply = whole(&ground.payloads(), sequence, 12);
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
    let all = ground.drained(true);
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
    for wire in [FRAMED(), RAW()] {
        let ground = Ground::new(12);
        let mut replies = ground.replies(wire);
        replies.rules.verify = false;
        let mut reader = Reader::new(wire);
        for _ in 0..2 {
            send(&mut replies, 12, 0);
        }
        let wrong = || vec![0; 12];
        feed(&mut replies, &mut reader, &[wrong(), wrong()], 1).unwrap();
        assert_eq!((replies.tally.replies, replies.failures.total()), (2, 0));
        let surplus = feed(&mut replies, &mut reader, &[wrong()], 1);
        match wire {
            Wire::Framed(_) => assert_eq!(replies.failures.total(), 1),
            Wire::Raw => assert_eq!(surplus, Err(Failure::Extra)),
        }
    }
}

/// Without verification a frame that is not as long as its message is a failure.
#[test]
fn lengths_are_checked_without_verification() {
    let ground = Ground::new(12);
    let mut replies = ground.replies(FRAMED());
    replies.rules.verify = false;
    let mut reader = Reader::new(FRAMED());
    for _ in 0..4 {
        send(&mut replies, 12, 0);
    }
    let lengths = [11, 0, 13, 12];
    let came = lengths.map(|len| vec![0; len]);
    feed(&mut replies, &mut reader, &came, 1).unwrap();
    let expected = [("extra".to_owned(), 1), ("short".to_owned(), 2)];
    assert_eq!(failed(&replies), expected);
    assert_eq!((replies.tally.replies, replies.in_flight()), (1, 0));
}

#[test]
fn echoes_of_heartbeats_are_no_replies() {
    let ground = Ground::new(12);
    let mut replies = ground.replies(FRAMED());
    let mut reader = Reader::new(FRAMED());
    replies.echoes_due = 1;
    feed(&mut replies, &mut reader, &[Vec::new()], 1).unwrap();
    assert_eq!((replies.echoes_due, replies.failures.total()), (0, 0));
    feed(&mut replies, &mut reader, &[Vec::new()], 1).unwrap();
    assert_eq!(failed(&replies), [("extra".to_owned(), 1)]);
}

/// Messages without a reply while those behind them have one: given up at the
/// timeout, each once, and what comes later of them is no other failure.
#[test]
fn messages_passed_over_time_out() {
    let ground = Ground::new(12);
    let mut replies = ground.replies(FRAMED());
    let mut reader = Reader::new(FRAMED());
    let mut answer = |replies: &mut Replies<'_>, sequence, now_ns| {
        let reply = whole(&ground.payloads(), sequence, 12);
        feed(replies, &mut reader, &[reply], now_ns).unwrap();
        (replies.in_flight(), replies.failures.total())
    };
    for sent_ns in [0, 0, 5, 10, 10] {
        send(&mut replies, 12, sent_ns);
    }
    assert_eq!(answer(&mut replies, 2, 20), (4, 0));
    // The next in order is the one behind it, not the oldest.
    assert_eq!(replies.waiting_since_ns(), Some(10));
    assert_eq!(answer(&mut replies, 3, TIMEOUT_NS - 1), (3, 0));
    // The last is as late, and was not passed over before.
    assert_eq!(answer(&mut replies, 4, TIMEOUT_NS), (0, 2));
    assert_eq!(failed(&replies), [("timeout".to_owned(), 2)]);
    assert_eq!(replies.waiting_since_ns(), None);
    // Too late for any of the kinds.
    assert_eq!(answer(&mut replies, 0, 2 * TIMEOUT_NS), (0, 2));
    assert_eq!(answer(&mut replies, 1, 2 * TIMEOUT_NS), (0, 2));
    // In order again, whatever its age.
    send(&mut replies, 12, 10);
    replies.give_up_overdue(2 * TIMEOUT_NS);
    assert_eq!(answer(&mut replies, 5, 2 * TIMEOUT_NS), (0, 2));
    assert_eq!(replies.tally.replies, 4);
}

/// A connection that ends in the middle of a reply has cut it.
#[test]
fn the_middle_of_a_bare_reply_is_known() {
    let ground = Ground::new(12);
    let mut replies = ground.replies(RAW());
    let mut reader = Reader::new(RAW());
    for _ in 0..3 {
        send(&mut replies, 12, 0);
    }
    let [first, second, third] = [0, 1, 2].map(|sequence| whole(&ground.payloads(), sequence, 12));
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
    for (sequence, kind) in [
        (0, "duplicate"),
        (1, "duplicate"),
        (2, "extra"),
        (5, "extra"),
    ] {
        let ground = Ground::new(12);
        let mut replies = ground.replies(FRAMED());
        let mut reader = Reader::new(FRAMED());
        for _ in 0..2 {
            send(&mut replies, 12, 0);
        }
        let answers = [0, 1, sequence].map(|sequence| whole(&ground.payloads(), sequence, 12));
        feed(&mut replies, &mut reader, &answers, 1).unwrap();
        assert_eq!(failed(&replies), [(kind.to_owned(), 1)]);
    }
}
