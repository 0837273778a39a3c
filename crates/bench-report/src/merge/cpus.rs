//! How many CPUs the ranks have: those of one host may share them.

use std::collections::{BTreeMap, BTreeSet};

use crate::results::RankLine;

/// The highest number of a CPU that Linux can be built for (`NR_CPUS`).
const MAX_CPU: u64 = 8191;

/// The CPUs of one host.
#[derive(Default)]
struct HostCpus {
    /// Those that its ranks may run on, all together.
    distinct: BTreeSet<u64>,
    /// The sum of their counts. A container may have a part of the time of CPUs that
    /// others have too, so that its count is lower than its list is long.
    sum: u64,
    /// Whether a rank did not say which ones.
    is_unknown: bool,
}

/// The CPUs of all ranks, each of them once.
pub(super) fn count(ranks: &[RankLine]) -> u64 {
    let mut hosts: BTreeMap<(&str, u64), HostCpus> = BTreeMap::new();
    for line in ranks {
        // Ranks that do not say where they ran are on hosts of their own.
        let host = match line.clock.as_deref().or(line.host.as_deref()) {
            Some(host) => (host, 0),
            None => ("", line.rank),
        };
        let host = hosts.entry(host).or_default();
        host.sum = host.sum.saturating_add(line.cpus);
        match line.cpu_list.as_deref().and_then(parse) {
            Some(cpus) => host.distinct.extend(cpus),
            None => host.is_unknown = true,
        }
    }
    let counts = hosts.values().map(HostCpus::count);
    counts.fold(0, u64::saturating_add)
}

impl HostCpus {
    fn count(&self) -> u64 {
        if self.is_unknown {
            return self.sum;
        }
        self.sum.min(self.distinct.len() as u64)
    }
}

/// A list as Linux writes it: `0-3,8`.
fn parse(text: &str) -> Option<BTreeSet<u64>> {
    let mut cpus = BTreeSet::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
        if first > last || last > MAX_CPU {
            return None;
        }
        cpus.extend(first..=last);
    }
    Some(cpus)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rank(rank: u64, host: Option<&str>, cpus: u64, list: Option<&str>) -> RankLine {
        RankLine {
            rank,
            clock: host.map(str::to_owned),
            host: Some("same".to_owned()),
            cpus,
            cpu_list: list.map(str::to_owned),
            ..RankLine::default()
        }
    }

    #[test]
    fn a_cpu_of_a_host_counts_once() {
        let ranks = |list: [(&'static str, u64, &'static str); 3]| {
            let mut lines = Vec::new();
            for (n, (host, cpus, list)) in (0..).zip(list) {
                lines.push(rank(n, Some(host), cpus, Some(list)));
            }
            count(&lines)
        };
        // One host, two hosts, and three.
        assert_eq!(
            ranks([("a", 2, "0-1"), ("a", 2, "0-1"), ("a", 2, "0-1")]),
            2
        );
        assert_eq!(
            ranks([("a", 2, "0-1"), ("b", 2, "0-1"), ("a", 2, "0-1")]),
            4
        );
        assert_eq!(
            ranks([("a", 2, "0-1"), ("b", 2, "0-1"), ("c", 8, "0-7")]),
            12
        );
        // Ranks that a launcher has pinned apart, or partly so.
        assert_eq!(ranks([("a", 1, "0"), ("a", 1, "1"), ("a", 1, "2")]), 3);
        assert_eq!(ranks([("a", 2, "0,2"), ("a", 2, "2-3"), ("a", 1, "0")]), 3);
        // Containers with two CPUs each, of the time of 64.
        assert_eq!(
            ranks([("a", 2, "0-63"), ("a", 2, "0-63"), ("a", 2, "0-63")]),
            6
        );
    }

    #[test]
    fn what_is_not_known_adds_up() {
        for list in [
            None,
            Some(""),
            Some("3-1"),
            Some("0-99999999999"),
            Some("x"),
        ] {
            let lines = [
                rank(0, Some("a"), 2, Some("0-1")),
                rank(1, Some("a"), 2, list),
            ];
            assert_eq!(count(&lines), 4, "{list:?}");
        }
        // Without an identity of the kernel the host's name counts, and without that
        // each is its own.
        let mut lines = [0, 1].map(|n| rank(n, None, 2, Some("0-1")));
        assert_eq!(count(&lines), 2);
        for line in &mut lines {
            line.host = None;
        }
        assert_eq!(count(&lines), 4);
    }
}
