//! `echo-client check` on servers that break one rule: just that one is named.

use std::{
    io::{self, Read, Write},
    mem,
    net::{SocketAddr, TcpStream},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use serde_json::json;
use socket2::SockRef;
use testkit::{DEADLINE, wire::fake_server};

use super::checking::{check, outcome};

/// Servers that are wrong in one way, by the rule that each breaks, and no other.
/// There is one for each rule that a server must keep.
const MUTANTS: [(&str, &str); 32] = [
    ("clears the high bits", "echo"),
    ("adds a line end", "echo"),
    ("drops the rest of a read", "split"),
    ("expects few single bytes", "drip"),
    ("takes 64 frames of a read", "sticky"),
    ("merges two frames", "sticky"),
    ("stalls after 70 frames", "sticky"),
    ("expects a frame in two reads", "across"),
    ("takes an empty frame for nothing", "empty"),
    ("has a length of 8 bits", "sizes"),
    ("has a length of 16 bits", "sizes"),
    ("refuses 65,536 bytes", "sizes"),
    ("drops the last byte of a page", "sizes"),
    ("has long lengths as little-endian", "sizes"),
    ("expects a payload with its header", "two-writes"),
    ("resets in place of FIN", "half-close"),
    ("drops the replies at FIN", "half-close"),
    ("drops the replies to what came with FIN", "half-close"),
    ("sends FIN late", "half-close"),
    ("keeps a part of a frame", "reset"),
    ("confuses connections", "crowd"),
    ("takes 50 connections", "crowd"),
    ("writes under a lock", "slow-reader"),
    ("drops what the send buffer does not take", "late-reader"),
    ("sorts the replies", "order"),
    ("swaps two frames", "order"),
    ("waits for what is announced", "huge"),
    ("echoes what is announced", "huge"),
    ("echoes a cut header", "cut-header"),
    ("fills up a cut message", "cut-header"),
    ("has signed lengths", "garbage"),
    ("echoes after the error", "garbage"),
];

/// The size of the frames of the rule about many in one segment.
const NUMBERED: usize = 15;

#[test]
fn a_broken_rule_is_named_and_no_other() {
    thread::scope(|scope| {
        for (mutation, rule) in MUTANTS {
            scope.spawn(move || {
                let host = Mutant::start(mutation).to_string();
                // On a busy machine two writes can be one read, and nothing shows.
                let found = (0..5).find_map(|_| {
                    let found = check(&host, &["--timeout", "8s"], None);
                    (found["failed"] != json!([])).then_some(found)
                });
                let found = found.unwrap_or_else(|| panic!("{mutation}: that is not noticed"));
                assert_eq!(found["failed"], json!([rule]), "{mutation}: {found:#}");
                let row = outcome(&found, rule);
                let is_told = |part: &str| row[part].as_str().is_some_and(|text| !text.is_empty());
                assert!(["sent", "came", "why"].into_iter().all(is_told), "{row}");
                assert_eq!(outcome(&found, "urgent")["outcome"], "pass");
            });
        }
    });
}

/// It is not broken, and what it answers takes longer than the client waits for a
/// byte.
#[test]
fn a_slow_server_keeps_every_rule() {
    let host = Mutant::start("thinks about each frame").to_string();
    let found = check(&host, &["--timeout", "2s"], 0);
    assert_eq!(found["failed"], json!([]), "{found:#}");
}

#[test]
fn a_connection_that_fails_in_a_crowd_is_named() {
    let host = Mutant::start("takes 50 connections").to_string();
    let found = check(&host, &["--timeout", "8s"], 1);
    let came = outcome(&found, "crowd")["came"].as_str().unwrap();
    // Those of other rules may not be closed yet.
    assert!(came.starts_with("on connection "), "{came}");
}

#[test]
fn a_lost_urgent_byte_is_a_warning() {
    let host = Mutant::start("loses an urgent byte").to_string();
    let found = check(&host, &["--timeout", "8s"], 0);
    assert_eq!(outcome(&found, "urgent")["outcome"], "warn", "{found:#}");
}

/// A server of frames that is wrong in one way.
struct Mutant {
    mutation: &'static str,
    /// Connections being served.
    live: AtomicUsize,
    writing: Mutex<()>,
    /// What connections share and must not: the last reply, a part of a frame.
    reply: Mutex<Vec<u8>>,
    part: Mutex<Vec<u8>>,
}

impl Mutant {
    fn start(mutation: &'static str) -> SocketAddr {
        let mutant = Self {
            mutation,
            live: AtomicUsize::new(0),
            writing: Mutex::default(),
            reply: Mutex::default(),
            part: Mutex::default(),
        };
        fake_server(move |stream| {
            mutant.live.fetch_add(1, Ordering::Relaxed);
            // A client that vanishes is no concern of the others.
            let _ = mutant.serve(&stream);
            mutant.live.fetch_sub(1, Ordering::Relaxed);
        })
    }

    fn is(&self, mutation: &str) -> bool {
        self.mutation == mutation
    }

    fn serve(&self, mut stream: &TcpStream) -> io::Result<()> {
        let socket = SockRef::from(stream);
        socket.set_out_of_band_inline(!self.is("loses an urgent byte"))?;
        stream.set_nodelay(true)?;
        if self.is("takes 50 connections") && self.live.load(Ordering::Relaxed) > 50 {
            return Ok(());
        }
        let mut buf = vec![0; 64 << 10];
        // What a connection before left, if it is about that.
        let mut pending = mem::take(&mut *self.part.lock().unwrap());
        let (mut reads, mut single_bytes, mut frames) = (0, 0, 0);
        loop {
            let read = stream.read(&mut buf)?;
            if read == 0 {
                break;
            }
            pending.extend_from_slice(&buf[..read]);
            reads += 1;
            single_bytes += usize::from(read == 1);
            if self.gives_up(&pending, read, reads, single_bytes) {
                return Ok(());
            }
            let Some(mut replies) = self.take_frames(&mut pending) else {
                return Ok(());
            };
            if !replies.is_empty() {
                reads = 0;
            }
            if self.is("thinks about each frame") {
                for reply in replies {
                    thread::sleep(Duration::from_millis(30));
                    stream.write_all(&reply)?;
                }
                continue;
            }
            self.spoil(&mut replies, &mut pending, read);
            frames += replies
                .iter()
                .filter(|reply| reply.len() == NUMBERED)
                .count();
            if self.is("stalls after 70 frames") {
                replies.truncate((70 + replies.len()).saturating_sub(frames));
            }
            let is_dropped = match self.mutation {
                "drops the replies at FIN" => {
                    replies.len() == 64 && has_fin(stream, Duration::from_millis(200))?
                }
                "drops the replies to what came with FIN" => has_fin(stream, Duration::ZERO)?,
                _ => false,
            };
            if is_dropped {
                return Ok(());
            }
            let lock = self.is("writes under a lock").then(|| self.writing.lock());
            if self.is("drops what the send buffer does not take") {
                stream.set_nonblocking(true)?;
                // Of what is short, and of what is sent at once, it takes all.
                let _ = stream.write_all(&replies.concat());
                stream.set_nonblocking(false)?;
            } else {
                stream.write_all(&replies.concat())?;
            }
            drop(lock);
            // Behind the messages of all byte values, and in a segment of its own.
            if self.is("adds a line end") && replies.concat().ends_with(&[254, 255]) {
                thread::sleep(Duration::from_millis(5));
                stream.write_all(b"\r\n")?;
            }
        }
        match self.mutation {
            "echoes a cut header" if pending.len() < 4 => stream.write_all(&pending)?,
            "fills up a cut message" if pending.len() > 4 => {
                pending.resize(4 + pending[3] as usize, 0);
                stream.write_all(&pending)?;
            }
            // Later than the client waits.
            "sends FIN late" if pending.is_empty() && frames == 0 => {
                thread::sleep(Duration::from_secs(9));
            }
            _ => {}
        }
        if self.is("resets in place of FIN") {
            socket.set_linger(Some(Duration::ZERO))?;
        }
        Ok(())
    }

    /// Whether what a read brought is too much, or too little.
    fn gives_up(&self, pending: &[u8], read: usize, reads: usize, single_bytes: usize) -> bool {
        let announced = pending
            .first_chunk()
            .map_or(0, |len| u32::from_be_bytes(*len));
        match self.mutation {
            "expects few single bytes" => single_bytes > 2,
            "expects a frame in two reads" => announced == 92 && reads > 2,
            "expects a payload with its header" => {
                read == 4 && pending.len() == 4 && announced == 100
            }
            _ => false,
        }
    }

    /// Takes the whole frames off what has arrived; `None`: one is refused.
    fn take_frames(&self, pending: &mut Vec<u8>) -> Option<Vec<Vec<u8>>> {
        let mut frames = Vec::new();
        let limit = match self.mutation {
            "waits for what is announced" => 1 << 30,
            "refuses 65,536 bytes" => 65_535,
            _ => 8 << 20,
        };
        while let Some(header) = pending.first_chunk() {
            let word = u32::from_be_bytes(*header);
            let is_negative = word.cast_signed() < 0;
            let len = if is_negative && self.is("has signed lengths") {
                0
            } else {
                word as usize
            };
            if word == 1 << 31 && self.is("echoes after the error") {
                pending.drain(..4);
                continue;
            }
            if len > limit {
                if word == 1 << 28 && self.is("echoes what is announced") {
                    pending.resize(1000, 0);
                    return Some(vec![mem::take(pending)]);
                }
                return None;
            }
            if pending.len() < 4 + len {
                break;
            }
            frames.push(pending.drain(..4 + len).collect());
        }
        Some(frames)
    }

    /// Breaks what is fine so far.
    fn spoil(&self, replies: &mut Vec<Vec<u8>>, pending: &mut Vec<u8>, read: usize) {
        // Those of the rule about order.
        let are_numbered = replies.first().is_some_and(|reply| reply.len() == NUMBERED);
        let are_long = replies.iter().all(|reply| reply.len() > 20);
        match self.mutation {
            "clears the high bits" => {
                let payloads = replies.iter_mut().flat_map(|reply| &mut reply[4..]);
                payloads.for_each(|byte| *byte &= 0x7f);
            }
            // Part of the next frame, in the same read.
            "drops the rest of a read" if !replies.is_empty() && read < 30 => pending.clear(),
            "merges two frames" if replies.len() > 64 && are_numbered => {
                let second = replies.remove(1);
                replies[0].extend_from_slice(&second[4..]);
                replies[0][3] += second[3];
            }
            "drops the last byte of a page" => {
                for reply in replies.iter_mut().filter(|reply| reply.len() == 4096) {
                    let _ = reply.pop();
                }
            }
            "has long lengths as little-endian" => {
                let long = replies.iter_mut().filter(|reply| reply.len() > 1 << 16);
                long.for_each(|reply| reply[..4].reverse());
            }
            "takes 64 frames of a read" if are_numbered => replies.truncate(64),
            "takes an empty frame for nothing" => replies.retain(|reply| reply.len() > 4),
            "has a length of 8 bits" => cut_lengths(replies, 1),
            "has a length of 16 bits" => cut_lengths(replies, 2),
            // Of a length that only the rule's message leaves.
            "keeps a part of a frame" if pending.len() == 17 => {
                self.part.lock().unwrap().clone_from(pending);
            }
            "keeps a part of a frame" => self.part.lock().unwrap().clear(),
            "confuses connections" if self.live.load(Ordering::Relaxed) > 50 => {
                let mut last = self.reply.lock().unwrap();
                for reply in replies {
                    mem::swap(reply, &mut last);
                }
            }
            // The short ones overtake the long ones.
            "sorts the replies" if are_long => replies.sort_by_key(Vec::len),
            "swaps two frames" if are_long && replies.len() > 1 => replies.swap(0, 1),
            _ => {}
        }
    }
}

/// Cuts replies to what the last bytes of a length can say.
fn cut_lengths(replies: &mut [Vec<u8>], bytes: usize) {
    for reply in replies {
        let len = (reply.len() - 4) & ((1 << (8 * bytes)) - 1);
        reply.truncate(4 + len);
        reply[..4 - bytes].fill(0);
    }
}

/// Whether the client shuts its direction down so soon; without waiting, whether it
/// has.
fn has_fin(stream: &TcpStream, within: Duration) -> io::Result<bool> {
    stream.set_nonblocking(within.is_zero())?;
    stream.set_read_timeout(Some(within.max(Duration::from_millis(1))))?;
    let has_fin = stream.peek(&mut [0]).is_ok_and(|len| len == 0);
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    Ok(has_fin)
}
