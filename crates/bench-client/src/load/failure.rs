//! What can go wrong, and how often it did.

use std::{collections::BTreeMap, io};

use anyhow::Error;
use strum::VariantNames;

/// What can go wrong with a connection or a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum Failure {
    /// The connection was refused.
    Refused,
    /// The connection could not be opened for another reason.
    Connect,
    /// There was no thread for the connection.
    Thread,
    /// A reply had other bytes than its message, or its checksum or
    /// compression was bad.
    Corrupt,
    /// A reply had fewer bytes than its message.
    Short,
    /// More came than was sent: a longer reply, or one to no message.
    Extra,
    /// A message was answered again.
    Duplicate,
    /// A reply came after that of a later message.
    Reordered,
    /// A reply belonged to another connection.
    OtherConnection,
    /// There was no reply in time.
    Timeout,
    /// The server closed the connection before the reply.
    Closed,
    /// The connection was reset.
    Reset,
    /// The connection failed in another way.
    IoError,
    /// What came is not a frame.
    NotAFrame,
    /// No frame came in time, not even the echo of a heartbeat.
    HeartbeatTimeout,
}

/// How often each [`Failure`] happened.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Failures {
    by_kind: [u64; Failure::VARIANTS.len()],
    total: u64,
}

impl Failures {
    pub(crate) fn add(&mut self, failure: Failure) {
        self.by_kind[failure as usize] += 1;
        self.total += 1;
    }

    pub(crate) fn plus(mut self, other: &Self) -> Self {
        for (count, more) in self.by_kind.iter_mut().zip(other.by_kind) {
            *count += more;
        }
        self.total += other.total;
        self
    }

    pub(crate) const fn total(&self) -> u64 {
        self.total
    }

    /// Those that happened, by name.
    pub(crate) fn by_name(&self) -> BTreeMap<String, u64> {
        Failure::VARIANTS
            .iter()
            .zip(self.by_kind)
            .filter(|(_, count)| *count > 0)
            .map(|(name, count)| ((*name).to_owned(), count))
            .collect()
    }
}

/// What kept a connection from opening.
pub(super) fn dial_failure(error: &Error) -> Failure {
    let dialled: Option<&transport::Error> = error.downcast_ref();
    match dialled.and_then(transport::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => Failure::Refused,
        _ => Failure::Connect,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_named() {
        let mut failures = Failures::default();
        assert!(failures.by_name().is_empty());
        failures.add(Failure::HeartbeatTimeout);
        failures.add(Failure::Short);
        failures.add(Failure::Short);
        let expected = [("heartbeat_timeout".to_owned(), 1), ("short".to_owned(), 2)];
        assert_eq!(failures.by_name(), expected.into());
        assert_eq!(failures.total(), 3);
        let all = failures.plus(&failures);
        assert_eq!(all.total(), 6);
        assert_eq!(all.by_name()["short"], 4);
    }
}
