//! Merging, of ranks that went well and of ranks that did not.

use std::collections::BTreeMap;

use super::*;
use crate::{
    results::{Arrivals, Part, Slice, UnderLoad, instant, sample},
    statistics::{Distribution, encode},
};

const T: f64 = 1_795_694_400.0;

fn at(unix_s: f64) -> String {
    instant(SystemTime::UNIX_EPOCH + Duration::from_secs_f64(unix_s))
}

fn of(ns: impl IntoIterator<Item = u64>) -> Histogram<u64> {
    let mut histogram = Histogram::<u64>::new(3).unwrap();
    ns.into_iter().for_each(|ns| histogram.record(ns).unwrap());
    histogram
}

/// Rank `rank` of 3, for 10 s from `start_s` on; second n has n + 1 replies of
/// as many milliseconds and a bit of the rank's own.
fn results(rank: u64, start_s: f64) -> Results {
    let mut results = sample();
    results.arguments.ranks = 3;
    results.started = at(start_s);
    let line = &mut results.ranks[0];
    (line.rank, line.start, line.launched) = (rank, at(start_s), at(T - 5.0));
    line.clock = Some("one".to_owned());
    let slice = |n: u64| Slice {
        start_unix_s: start_s + n as f64,
        length_s: 1.0,
        replies: n + 1,
        latency: encode(&of((0..=n).map(|_| (n + 1) * 1_000_000 + rank * 50_000))),
        latency_uncorrected: Some(encode(&of([(rank + 1) << 20; 2]))),
        schedule_lag: Some(encode(&of([1 << (10 * rank)]))),
    };
    results.slices = (0..10).map(slice).collect();
    results
}

struct RankFolder(tempfile::TempDir);

impl RankFolder {
    fn save(&self, name: &str, results: &Results) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, serde_json::to_vec(results).unwrap()).unwrap();
        path
    }
}

fn merged(all: &[Results]) -> Merged {
    let folder = RankFolder(tempfile::tempdir().unwrap());
    let all = all.iter().enumerate();
    let paths: Vec<_> = all
        .map(|(n, results)| folder.save(&n.to_string(), results))
        .collect();
    merge(&paths, &[]).unwrap()
}

fn all() -> Vec<Results> {
    (0..3).map(|rank| results(rank, T)).collect()
}

/// Makes a flaw in ranks without one, and expects one reason that says so.
#[track_caller]
fn suspect(flaw: impl FnOnce(&mut Vec<Results>), reason: &str) {
    let mut all = all();
    flaw(&mut all);
    let verdict = merged(&all).results.verdict;
    assert!(!verdict.valid);
    assert!(verdict.reasons[0].contains(reason), "{verdict:?}");
    assert_eq!(verdict.reasons.len(), 1, "{verdict:?}");
}

#[test]
fn samples_and_counts_are_those_of_all_ranks() {
    let merged = merged(&all());
    let results = &merged.results;
    assert_eq!(results.verdict.reasons, [""; 0]);
    let of_rank = |rank: u64| {
        let ns = move |n: u64| std::iter::repeat_n(n * 1_000_000 + rank * 50_000, n as usize);
        (1..=10).flat_map(ns)
    };
    let union = of((0..3).flat_map(of_rank));
    assert_eq!(merged.latency, union);
    assert_eq!(results.latency.count, 3 * 55);
    let count = |distribution: &Option<Distribution>| distribution.as_ref().unwrap().count;
    assert_eq!(count(&results.latency_uncorrected), 60);
    assert_eq!(count(&results.schedule_lag), 30);
    assert_eq!(results.messages.replies_in_window, 3 * 55);
    assert_eq!((results.throughput, results.elapsed_s), (16.5, 10.0));
    assert_eq!(results.messages.sent, 3_000_000);
    assert_eq!((results.connections.opened, results.machine.cpus), (12, 24));
    assert_eq!(results.connections.replies.len(), 12);
    assert_eq!(results.cpu.client_utilization, 0.125);
    assert_eq!(results.cpu.client_cpus, 24);
    let tcp = results.tcp.as_ref().unwrap();
    assert_eq!(tcp.client.segments_out, 3_000_000);
    let second = results.series[4];
    assert_eq!((results.series.len(), second.throughput), (10, 300_000.0));
    assert_eq!((second.p99_us, second.max_us), (None, Some(900.0)));
}

#[test]
fn what_does_not_add_up_is_left_out() {
    let mut all = all();
    for results in &mut all {
        results.connect_latency = Some(results.latency.clone());
        results.under_load = Some(UnderLoad {
            requested: 1,
            opened: 1,
            frame_bytes: 65_536,
            bytes_per_s: 1e9,
            failures: BTreeMap::new(),
            idle: Part::default(),
            loaded: Some(Part::default()),
        });
    }
    let alone = merged(&all[..1]).results;
    assert!(alone.connect_latency.is_some() && alone.under_load.is_some());
    let results = merged(&all).results;
    assert_eq!((results.connect_latency, results.under_load), (None, None));
    assert_eq!((results.arrivals, results.precision), (None, None));
}

#[test]
fn what_was_merged_can_be_merged_again() {
    let mut all = all();
    let last = all.pop().unwrap();
    let both = merged(&all).results;
    let again = merged(&[both, last]);
    let once = merged(&self::all());
    assert_eq!(again.latency, once.latency);
    assert_eq!(again.results.messages, once.results.messages);
    assert_eq!(again.results.ranks, once.results.ranks);
    assert_eq!(again.results.verdict, once.results.verdict);
    assert_eq!(again.results.throughput, once.results.throughput);
}

/// What makes merged results SUSPECT is not lost when they are merged again.
#[test]
fn a_flaw_is_not_lost_by_merging_again() {
    let mut late = all();
    late[2] = results(2, T + 0.3);
    late[2].ranks[0].start = at(T);
    let mut other = all();
    other[1].arguments.size = "64".to_owned();
    for (flawed, expected) in [
        (late, "measured together for 9.7 s of 10 s"),
        (other, "rank 1: arguments differ, rank 1 ("),
    ] {
        let once = merged(&flawed).results;
        assert!(!once.verdict.valid);
        let again = merged(&[once]).results.verdict.reasons;
        assert!(again.join("\n").contains(expected), "{again:?}");
    }
}

#[test]
fn one_rank_alone_is_as_it_was() {
    let mut alone = results(0, T);
    alone.arguments.ranks = 1;
    let merged = merged(&[alone.clone()]).results;
    assert_eq!(merged.messages.sent, alone.messages.sent);
    assert_eq!(merged.series, alone.series);
    assert!(merged.verdict.valid, "{:?}", merged.verdict);
}

#[test]
fn figures_are_of_the_time_that_all_ranks_measured() {
    let mut all = all();
    all[2] = results(2, T + 2.003);
    let merged = merged(&all);
    let results = &merged.results;
    assert!(
        (results.elapsed_s - 7.997).abs() < 1e-6,
        "{}",
        results.elapsed_s
    );
    // Seconds 3 to 10 of two ranks, and 1 to 8 of the one that was late.
    assert_eq!(results.messages.replies_in_window, 2 * 52 + 36);
    assert_eq!(results.throughput, (52.0 + 52.0 + 36.0) / 8.0);
    let reasons = results.verdict.reasons.join("\n");
    for expected in [
        "starts are apart: rank 2 2.00 s after the median rank: give",
        "all ranks measured together for 8 s of 10 s: the figures",
    ] {
        assert!(reasons.contains(expected), "{reasons}");
    }
    assert_eq!(results.series.len(), 12);
    // A little apart loses nothing.
    let mut all = self::all();
    all[2] = self::results(2, T + 0.05);
    let results = self::merged(&all).results;
    assert_eq!(results.messages.replies_in_window, 3 * 55);
    assert!(results.verdict.valid, "{:?}", results.verdict);
}

#[test]
fn a_flaw_of_a_rank_is_named() {
    suspect(
        |all| drop(all.pop()),
        "1 of 3 ranks is missing (rank 2): what they sent",
    );
    suspect(
        |all| all.push(all[1].clone()),
        "rank 1 is there more than once",
    );
    suspect(
        |all| all[1].arguments.size = "64".to_owned(),
        "1): size \"12\" and \"64\": repeat",
    );
    suspect(
        |all| all[1].target.address = "b:1".to_owned(),
        "target \"127.0.0.1:60000\" and \"b:1\"",
    );
    suspect(
        |all| {
            let reason = "the generator used 99 % of all CPUs: lower the load";
            all[1].ranks[0].reasons = vec![reason.to_owned()];
        },
        "SUSPECT on their own: 1 of 3 ranks (rank 1: the generator used 99 % of all CPUs)",
    );
    // Those of other hosts have CPUs of their own.
    let mut all = all();
    all[1].arguments.cpus = Some("0-3".to_owned());
    all[1].arguments.sources = vec![std::net::Ipv4Addr::LOCALHOST.into()];
    assert!(merged(&all).results.verdict.valid);
}

#[test]
fn clocks_have_to_be_one_or_synchronised() {
    let clock = |all: &mut Vec<Results>, synchronised| {
        let line = &mut all[1].ranks[0];
        line.clock = Some("other".to_owned());
        line.clock_synchronised = synchronised;
    };
    suspect(
        |all| clock(all, None),
        "clocks of rank 1 are not known to be synchronised: starts",
    );
    suspect(
        |all| {
            clock(all, Some(false));
            all[1].ranks[0].launched = at(T - 2.0);
        },
        "clocks of rank 1 are not known to be synchronised (launched by its own clock: rank 1 \
         3.00 s after the median rank): starts",
    );
    let mut all = all();
    clock(&mut all, Some(true));
    for other in [0, 2] {
        all[other].ranks[0].clock_synchronised = Some(true);
    }
    assert!(merged(&all).results.verdict.valid);
}

#[test]
fn schedules_have_one_origin() {
    // A message each 100 ms.
    let open = |starts: [f64; 3], intended: Option<f64>| {
        let mut all = all();
        for (results, start_s) in all.iter_mut().zip(starts) {
            results.arguments.rate = Some(10.0);
            results.ranks[0].start = at(start_s);
            results.ranks[0].intended_start = intended.map(at);
        }
        all
    };
    let apart = [T, T + 0.06, T];
    suspect(
        |all| *all = open(apart, None),
        "schedules do not interleave: rank 1 60.0 ms after the median rank, with a message \
         due every 100 ms: give",
    );
    // Within half of that, or with one origin by which one of them began late.
    for all in [open([T, T + 0.04, T], None), open(apart, Some(T))] {
        let verdict = merged(&all).results.verdict;
        assert!(verdict.valid, "{verdict:?}");
    }
    let mut poisson = open(apart, None);
    for results in &mut poisson {
        results.arguments.arrivals = Arrivals::Poisson;
    }
    assert!(merged(&poisson).results.verdict.valid);
}

#[test]
fn a_cpu_of_a_host_counts_once() {
    let mut all = all();
    for results in &mut all {
        results.ranks[0].cpu_list = Some("0-7".to_owned());
    }
    let results = merged(&all).results;
    assert_eq!((results.cpu.client_cpus, results.machine.cpus), (8, 8));
    // An eighth of it each.
    assert_eq!(results.cpu.client_utilization, 0.375);
    all[2].ranks[0].clock = Some("other".to_owned());
    let results = merged(&all).results;
    assert_eq!(results.cpu.client_cpus, 16);
    assert_eq!(results.cpu.client_utilization, 0.1875);
}

#[test]
fn counts_that_cannot_be_are_refused() {
    let refused = |change: fn(&mut Results)| {
        let folder = RankFolder(tempfile::tempdir().unwrap());
        let mut all = all();
        change(&mut all[1]);
        let all = all.iter().enumerate();
        let paths: Vec<_> = all
            .map(|(n, results)| folder.save(&n.to_string(), results))
            .collect();
        format!("{:#}", merge(&paths, &[]).unwrap_err())
    };
    for change in [
        |results: &mut Results| results.messages.sent = u64::MAX,
        |results: &mut Results| results.ranks[0].rank = u64::MAX,
        |results: &mut Results| results.slices[3].replies = u64::MAX,
        |results: &mut Results| results.throughput = 1e308,
        |results: &mut Results| results.slices[0].start_unix_s = -1e17,
    ] {
        let error = refused(change);
        assert!(
            error.contains("/1: ") && error.contains("is out of range"),
            "{error}"
        );
    }
    // Each is possible, and all of them are not.
    let error = refused(|results| results.messages.sent = 1 << 53);
    assert!(error.contains("files together are out of range"), "{error}");
    let error = refused(|results| {
        for slice in &mut results.slices {
            slice.length_s = 1e-300;
        }
    });
    assert!(error.contains("files together"), "{error}");
    let error = refused(|results| results.slices[2].length_s = -1.0);
    assert!(error.contains("ends before it begins"), "{error}");
}

#[test]
fn what_cannot_be_merged_is_named() {
    let folder = RankFolder(tempfile::tempdir().unwrap());
    let good = folder.save("good", &results(0, T));
    let mut old = results(1, T);
    (old.ranks, old.slices) = (Vec::new(), Vec::new());
    let old = folder.save("old", &old);
    let mut bad = results(1, T);
    bad.slices[0].latency = "HIST".to_owned();
    let bad = folder.save("bad", &bad);
    for (path, expected) in [
        (old, "an older version wrote it"),
        (bad, "not an HDR histogram"),
        (folder.0.path().join("none"), "No such file"),
        (folder.0.path().to_owned(), "neither a regular file"),
    ] {
        let error = merge(&[good.clone(), path.clone()], &[]).unwrap_err();
        let error = format!("{error:#}");
        let path = path.display().to_string();
        assert!(error.contains(expected) && error.contains(&path), "{error}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_pipe_is_merged_like_a_file() {
    use std::{io::Write, os::fd::AsRawFd, thread};

    let folder = RankFolder(tempfile::tempdir().unwrap());
    let paths = [0, 1].map(|rank| folder.save(&rank.to_string(), &results(rank, T)));
    let (reader, mut writer) = std::io::pipe().unwrap();
    let text = std::fs::read(&paths[1]).unwrap();
    let writing = thread::spawn(move || writer.write_all(&text).unwrap());
    let pipe = format!("/dev/fd/{}", reader.as_raw_fd()).into();
    let piped = merge(&[paths[0].clone(), pipe], &[]).unwrap();
    writing.join().unwrap();
    assert_eq!(piped.results, merge(&paths, &[]).unwrap().results);
}
