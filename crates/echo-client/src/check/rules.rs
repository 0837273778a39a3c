//! The rules, in the order of the table. A new one is an entry here, its function if
//! it is not a line, and a row in the README.

use super::{
    parts::{each, text},
    peer::CheckResult,
    refusals::{self, flagged, refuse},
    server::CheckedServer,
    streams,
};

/// Something that a server can get wrong.
pub(super) struct Rule {
    /// What it is to break it.
    pub(super) level: &'static str,
    is_framed: bool,
    pub(super) name: &'static str,
    /// Tries it on a server. Writes which part of what it sends is at work, or what it
    /// finds.
    pub(super) check: fn(&CheckedServer, &mut String) -> CheckResult,
    pub(super) sent: &'static str,
    /// Why it matters.
    pub(super) why: &'static str,
}

impl Rule {
    /// Whether it is about raw bytes, too.
    pub(super) const fn applies_to(&self, server: &CheckedServer) -> bool {
        !(self.is_framed && server.is_raw)
    }
}

pub(super) const MUST: &str = "FAIL";
const SHOULD: &str = "warn";
pub(super) const MAY: &str = "info";
const ANY: bool = false;
const FRAMED: bool = true;

/// A table, not 22 times 9 lines.
macro_rules! rules {
    ($($level:ident $wire:ident $name:literal $check:expr => $sent:literal, $why:literal;)*) => {
        &[$(Rule {
            level: $level,
            is_framed: $wire,
            name: $name,
            check: $check,
            sent: $sent,
            why: $why,
        }),*]
    };
}

/// Those that can bring a server down come behind those that cannot, and what is only
/// reported last.
pub(super) const RULES: &[Rule] = rules! {
    MUST ANY "echo" streams::echo =>
        "all 256 byte values in four messages", "an echo is the same bytes, whatever they are";
    MUST FRAMED "split" split =>
        "three messages, cut at each offset",
        "a read returns what has arrived, not what was written";
    MUST ANY "drip" |server, _| server.exchange(short_stream(server).chunks(1)) =>
        "three messages, each byte in a segment", "one read is not one message, nor one header";
    MUST FRAMED "sticky" |server, _| server.exchange([&server.numbered(90)[..]]) =>
        "90 messages in one segment", "one read can bring many messages";
    MUST FRAMED "across" |server, _| server.exchange(server.message(&text(92)).chunks(12)) =>
        "a message of 92 bytes in 8 segments", "a message can take many reads, until it is whole";
    MUST FRAMED "empty" empty =>
        "33 empty messages, and two that are not",
        "a length of 0 is a message, not the end of the stream";
    MUST ANY "sizes" sizes =>
        "payloads around powers of two, in bytes",
        "buffers and length fields overflow at powers of two";
    MUST FRAMED "two-writes" two_writes =>
        "header and payload in two writes, three times", "many clients write a header on its own";
    MUST ANY "half-close" streams::half_close =>
        "FIN with the last of 0, 1 and 64 messages", "FIN ends what is sent, not what is awaited";
    SHOULD ANY "urgent" streams::urgent =>
        "a message that ends in an urgent byte, and another",
        "without SO_OOBINLINE the stream loses the byte (RFC 6093)";
    MUST ANY "reset" streams::reset =>
        "a reset within a message", "what a dead client left must not reach the next one";
    MUST ANY "crowd" streams::crowd =>
        "two messages on each of 100 connections", "connections share nothing, above all no buffer";
    MUST ANY "slow-reader" streams::slow_reader =>
        "50 round trips beside unread bytes",
        "a client that does not read holds up itself only";
    MUST ANY "late-reader" streams::late_reader =>
        "all that can be written, then read",
        "a full buffer delays bytes, and loses none";
    MUST ANY "order" order =>
        "64 messages of different lengths at once", "replies have no number but their place";
    MUST FRAMED "huge" |server, _| refuse(server, b"\x10\0\0\0and a few bytes") =>
        "a header that announces 256 MiB, and 15 bytes",
        "memory must follow the bytes that came, not a promise";
    MUST FRAMED "cut-header" refusals::cut =>
        "FIN within a message of 9 bytes, after 1, 2, 3 and 8",
        "a stream that ends within a message is cut off";
    MUST FRAMED "garbage" refusals::garbage =>
        "HTTP, and lengths of 2^31 and above", "a length is not trusted before it is checked";
    MAY FRAMED "limit" refusals::limit =>
        "", "the longest frame that is accepted";
    MAY FRAMED "heartbeat" heartbeat =>
        "", "the echo of an empty frame is a sign of life";
    MAY FRAMED "checksum" |server, found| flagged(server, found, true) =>
        "", "bit 31 of a header announces a CRC-32C";
    MAY FRAMED "compression" |server, found| flagged(server, found, false) =>
        "", "bit 30 of a header announces LZ4";
};

fn split(server: &CheckedServer, at: &mut String) -> CheckResult {
    let stream = short_stream(server);
    each(1..stream.len(), at, |&at| {
        server.exchange([&stream[..at], &stream[at..]])
    })
}

fn short_stream(server: &CheckedServer) -> Vec<u8> {
    let payloads: [&[u8]; 3] = [b"a", b"bc", b"Hello World!"];
    payloads.map(|payload| server.message(payload)).concat()
}

fn empty(server: &CheckedServer, _: &mut String) -> CheckResult {
    let [empty, a, b] = [&b""[..], b"a", b"b"].map(|payload| server.message(payload));
    server.exchange([&[&empty[..], &a, &empty.repeat(32), &b].concat()[..]])
}

fn two_writes(server: &CheckedServer, _: &mut String) -> CheckResult {
    let message = server.message(&text(100));
    server.exchange([&message[..4], &message[4..]].repeat(3))
}

fn sizes(server: &CheckedServer, size: &mut String) -> CheckResult {
    each(sizes_up_to(server.max_frame), size, |&size| {
        server.exchange([&server.message(&text(size))[..]])
    })?;
    *size = format!("up to {}", server.max_frame);
    Ok(())
}

fn order(server: &CheckedServer, _: &mut String) -> CheckResult {
    // Long and short ones in turn.
    let payloads = (0..64).map(|i| text(30 + i * 57 % 70));
    let messages = payloads.flat_map(|payload| server.message(&payload));
    server.exchange([&messages.collect::<Vec<u8>>()[..]])
}

fn heartbeat(server: &CheckedServer, found: &mut String) -> CheckResult {
    server.exchange([&[0; 4][..]])?;
    found.push_str("echoed");
    Ok(())
}

/// Sizes that just fill a buffer or just do not, with a header of four bytes
/// and without.
fn sizes_up_to(most: usize) -> Vec<usize> {
    let powers = (7..28).map(|bits| 1 << bits);
    let around = powers.flat_map(|power| [5, 4, 3, 1, 0, -1].map(|less| power - less));
    let sizes = around.filter_map(|size: i32| usize::try_from(size).ok());
    let sizes = [1].into_iter().chain(sizes).filter(|&size| size < most);
    sizes.chain([most]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_around_powers_of_two_and_at_most_the_limit() {
        assert_eq!(sizes_up_to(1), [1]);
        assert_eq!(sizes_up_to(128), [1, 123, 124, 125, 127, 128]);
        let sizes = sizes_up_to(65_537);
        for size in [1023, 1024, 4096, 65_531, 65_532, 65_535, 65_536, 65_537] {
            assert!(sizes.contains(&size), "{size}");
        }
        assert!(sizes.is_sorted() && sizes.last() == Some(&65_537));
    }
}
