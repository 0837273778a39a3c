//! The rules, in the order of the table. A new one is an entry here, its
//! function, and a row in the README.

use super::{fault::Outcome, framing, hostile, reported, server::CheckedServer, streams};

/// Tries a rule on a server. Writes what is sent; of what is reported, what is
/// found.
type Check = fn(&CheckedServer, &mut String) -> Outcome;

/// Something that a server can get wrong.
pub(super) struct Rule {
    pub(super) name: &'static str,
    pub(super) level: Level,
    is_framed: bool,
    pub(super) check: Check,
    /// Why it matters.
    pub(super) why: &'static str,
}

/// What it means when a rule is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// The server is not an echo server.
    Must,
    /// A warning.
    Should,
    /// Nothing: it is an option.
    Reported,
}

impl Rule {
    /// Whether it is about raw bytes, too.
    pub(super) const fn applies_to(&self, server: &CheckedServer) -> bool {
        !(self.is_framed && server.is_raw)
    }

    const fn why(mut self, why: &'static str) -> Self {
        self.why = why;
        self
    }
}

const fn rule(name: &'static str, check: Check) -> Rule {
    Rule {
        name,
        level: Level::Must,
        is_framed: false,
        check,
        why: "",
    }
}

const fn framed(name: &'static str, check: Check) -> Rule {
    Rule {
        is_framed: true,
        ..rule(name, check)
    }
}

const fn reported(name: &'static str, check: Check) -> Rule {
    Rule {
        level: Level::Reported,
        ..framed(name, check)
    }
}

/// Those that can bring a server down come behind those that cannot, and what is only
/// reported last.
pub(super) const RULES: [Rule; 22] = [
    rule("echo", framing::echo).why("an echo is the same bytes, whatever they are"),
    framed("split", framing::split).why("a read returns what has arrived, not what was written"),
    rule("drip", framing::drip).why("one read is not one message, nor one header"),
    framed("sticky", framing::sticky).why("one read can bring many messages"),
    framed("across", framing::across).why("a message can take many reads, until it is whole"),
    framed("empty", framing::empty).why("a length of 0 is a message, not the end of the stream"),
    rule("sizes", framing::sizes).why("buffers and length fields overflow at powers of two"),
    framed("two-writes", framing::two_writes).why("many clients write a header on its own"),
    rule("half-close", streams::half_close).why("FIN ends what is sent, not what is awaited"),
    Rule {
        level: Level::Should,
        ..rule("urgent", streams::urgent)
    }
    .why("without SO_OOBINLINE the stream loses the byte (RFC 6093)"),
    rule("reset", streams::reset).why("what a dead client left must not reach the next one"),
    rule("crowd", streams::crowd).why("connections share nothing, above all no buffer"),
    rule("slow-reader", streams::slow_reader)
        .why("a client that does not read holds up itself only"),
    rule("late-reader", streams::late_reader).why("a full send buffer takes a part of a write"),
    rule("order", streams::order).why("replies have no number but their place"),
    framed("huge", hostile::huge).why("memory must follow the bytes that came, not a promise"),
    framed("cut-header", hostile::cut).why("a stream that ends within a message is cut off"),
    framed("garbage", hostile::garbage).why("a length is not trusted before it is checked"),
    reported("limit", reported::limit).why("the longest frame that is accepted"),
    reported("heartbeat", reported::heartbeat).why("the echo of an empty frame is a sign of life"),
    reported("checksum", reported::checksum).why("bit 31 of a header announces a CRC-32C"),
    reported("compression", reported::compression).why("bit 30 of a header announces LZ4"),
];
