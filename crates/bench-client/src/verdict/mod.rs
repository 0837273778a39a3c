//! Whether the figures of a run can be believed, and what to do if not.

use std::collections::BTreeMap;

use crate::{
    percentile::samples_needed,
    results::{Results, Verdict},
};

mod bounds;
mod pace;

use bounds::{
    FAIRNESS_MIN_MEDIAN, LEAST_PERCENTILE, MAX_HOST_SHARE, MAX_OWN_SHARE, MIN_FAIRNESS,
    MIN_REPLIES_SHARE,
};

/// Judges a run: valid, or suspect for reasons that each name their remedy.
pub(crate) fn verdict(results: &Results) -> Verdict {
    let no_replies = (results.messages.replies == 0)
        .then(|| "no reply came: check that an echo server of the same wire listens there".into());
    // Without replies the other rules have nothing to say.
    let of_replies = if no_replies.is_some() {
        [None, None, None, None, None]
    } else {
        [
            starved(results),
            too_short(results),
            pace::little(results),
            pace::late(results),
            pace::behind(results),
        ]
    };
    let reasons: Vec<String> = [missing(results), failed(results), no_replies]
        .into_iter()
        .chain(of_replies)
        .chain([own_cpu(results), shared_cpu(results), unverified(results)])
        .flatten()
        .collect();
    Verdict {
        is_valid: reasons.is_empty(),
        reasons,
    }
}

fn missing(results: &Results) -> Option<String> {
    let (asked, opened) = (results.connections.asked, results.connections.opened);
    (opened < asked).then(|| {
        format!(
            "only {opened} of {asked} connections were opened: raise the limits of open files \
             and of the server's backlog, or ask for fewer with -c"
        )
    })
}

fn failed(results: &Results) -> Option<String> {
    let total: u64 = results.failures.values().sum();
    (total > 0).then(|| {
        let failures = failures(results);
        format!("{total} failures ({failures}): see the log of the server, and repeat without them")
    })
}

/// The failures of a run by kind: `2 short, 1 timeout`.
pub(crate) fn failures(results: &Results) -> String {
    kinds(&results.failures)
}

/// The same of any failures.
pub(crate) fn kinds(failures: &BTreeMap<String, u64>) -> String {
    let kinds: Vec<String> = failures
        .iter()
        .map(|(kind, count)| format!("{count} {kind}"))
        .collect();
    kinds.join(", ")
}

/// A connection that got nothing, or much less than the others.
fn starved(results: &Results) -> Option<String> {
    const REMEDY: &str = "look for a server that serves its connections unevenly, or lower -c";
    let connections = &results.connections;
    let silent = connections.replies.iter().filter(|n| **n == 0).count();
    if silent > 0 {
        let opened = connections.opened;
        return Some(format!(
            "{silent} of {opened} connections got no reply: {REMEDY}"
        ));
    }
    let (min, median) = (connections.replies_min, connections.replies_median);
    // Connections of a ramp are uneven on purpose.
    if median < FAIRNESS_MIN_MEDIAN || pace::ramp_was_measured(&results.arguments) {
        return None;
    }
    let fairness = connections.fairness;
    let is_uneven = fairness < MIN_FAIRNESS || (min as f64) < MIN_REPLIES_SHARE * median as f64;
    is_uneven.then(|| {
        format!(
            "connections were served unevenly, the last with {min} replies where the median is \
             {median} (fairness {fairness:.2}): {REMEDY}"
        )
    })
}

fn too_short(results: &Results) -> Option<String> {
    (!results.latency.supports(LEAST_PERCENTILE)).then(|| {
        let (count, needed) = (results.latency.count, samples_needed(LEAST_PERCENTILE));
        format!("p99 takes {needed} replies and there were {count}: raise -d or -n")
    })
}

fn own_cpu(results: &Results) -> Option<String> {
    let share = results.cpu.own_share;
    (share > MAX_OWN_SHARE).then(|| {
        format!(
            "the generator used {:.0} % of all processors and waited for itself: lower the load, \
             or generate it from a larger host or from several",
            100.0 * share
        )
    })
}

fn shared_cpu(results: &Results) -> Option<String> {
    let share = results.cpu.host_share?;
    let is_shared = results.arguments.with_server || is_loopback(&results.arguments.host);
    (is_shared && share > MAX_HOST_SHARE).then(|| {
        format!(
            "generator and server compete for the same processors, which were {:.0} % busy: run \
             them on two hosts, pin them apart, or lower the load",
            100.0 * share
        )
    })
}

/// Whether `host:port` is this host by its loopback names.
fn is_loopback(host: &str) -> bool {
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    let ip = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || ip
            .parse()
            .is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

fn unverified(results: &Results) -> Option<String> {
    (!results.arguments.verify).then(|| {
        "replies were not verified, so wrong ones count as right: repeat with verification".into()
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::results::{Distribution, sample};

    /// Makes one flaw in a flawless run, and expects one reason that says so.
    #[track_caller]
    pub(super) fn suspect(flaw: impl FnOnce(&mut Results), reason: &str) {
        let mut results = sample();
        flaw(&mut results);
        let verdict = verdict(&results);
        assert!(!verdict.is_valid, "{reason}");
        assert_eq!(verdict.reasons.len(), 1, "{:?}", verdict.reasons);
        assert!(verdict.reasons[0].contains(reason), "{:?}", verdict.reasons);
        assert!(verdict.reasons[0].contains(": "), "no remedy");
    }

    /// Makes a change that is no flaw.
    #[track_caller]
    pub(super) fn valid(change: impl FnOnce(&mut Results)) {
        let mut results = sample();
        change(&mut results);
        let verdict = verdict(&results);
        assert!(verdict.is_valid, "{:?}", verdict.reasons);
    }

    /// An open loop that kept its schedule: 100,000 a second, one each 10 µs.
    pub(super) fn open(results: &mut Results) {
        results.arguments.rate = Some(100_000.0);
        results.latency_uncorrected = Some(results.latency.clone());
        results.latency.mean_us = 60.0;
        results.schedule_lag = Some(Distribution {
            count: 1_000_000,
            p99_us: 40.0,
            ..Distribution::default()
        });
    }

    #[test]
    fn a_run_without_a_flaw_is_valid() {
        valid(|_| ());
        valid(open);
        // Ended by time, it leaves messages behind.
        valid(|results| results.messages.unanswered = 4);
    }

    #[test]
    fn connections_and_failures() {
        suspect(|results| results.connections.opened = 3, "only 3 of 4");
        suspect(
            |results| {
                results.failures = [("timeout".to_owned(), 4), ("closed".to_owned(), 3)].into();
            },
            "7 failures (3 closed, 4 timeout)",
        );
        suspect(|results| results.arguments.verify = false, "not verified");
    }

    #[test]
    fn processors_have_room() {
        valid(|results| results.cpu.own_share = 0.9);
        suspect(|results| results.cpu.own_share = 0.91, "91 % of all");
        let busy = |host: &str, results: &mut Results| {
            results.arguments.host = host.to_owned();
            results.cpu.host_share = Some(0.97);
        };
        for host in ["localhost:1", "127.0.0.2:1", "[::1]:1"] {
            suspect(|results| busy(host, results), "compete");
        }
        valid(|results| busy("192.0.2.1:60000", results));
        suspect(
            |results| {
                busy("192.0.2.1:60000", results);
                results.arguments.with_server = true;
            },
            "97 % busy",
        );
    }

    #[test]
    fn no_connection_starves() {
        suspect(
            |results| results.connections.replies = vec![500_000, 500_000, 0, 0],
            "2 of 4 connections got no reply",
        );
        suspect(|results| results.connections.fairness = 0.89, "fairness");
        suspect(
            |results| results.connections.replies_min = 124_999,
            "124999",
        );
        valid(|results| results.connections.replies_min = 125_000);
        valid(|results| {
            results.connections.fairness = 0.8;
            results.connections.replies_median = 99;
        });
    }

    #[test]
    fn p99_takes_a_thousand_replies() {
        valid(|results| results.latency.count = 1000);
        suspect(
            |results| results.latency.count = 999,
            "takes 1000 replies and there were 999",
        );
    }

    #[test]
    fn without_replies_that_is_the_reason() {
        suspect(
            |results| {
                results.messages.replies = 0;
                results.connections.replies = vec![0; 4];
                results.latency = Distribution::default();
                results.throughput = 0.0;
            },
            "no reply came",
        );
    }
}
