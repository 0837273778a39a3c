use super::*;
use crate::results::sample;

fn connection(sent: u64, replies: u64) -> ConnectionOutcome {
    ConnectionOutcome {
        sent,
        replies,
        replies_in_window: replies,
        ..ConnectionOutcome::default()
    }
}

/// No two figures are equal.
fn outcome() -> LoadOutcome {
    let mut latency = Histogram::new(3).unwrap();
    for us in 1..=104 {
        latency.record(us * 1000).unwrap();
    }
    LoadOutcome {
        started: SystemTime::UNIX_EPOCH + Duration::from_millis(1_500),
        measured_from: SystemTime::UNIX_EPOCH + Duration::from_millis(2_500),
        slices: Vec::new(),
        interrupted: true,
        elapsed: Duration::from_secs(4),
        latency,
        latency_uncorrected: None,
        schedule_lag: None,
        connect_latency: None,
        under_load: None,
        precision: None,
        gaps: Vec::new(),
        payload_bytes: 1248,
        wire_bytes: 1664,
        series: sample().series,
        failures: [("short".to_owned(), 1)].into(),
        requested: 5,
        opened: 5,
        connections: vec![
            ConnectionOutcome {
                replies_in_window: 30,
                unanswered: 6,
                reads: 70,
                writes: 80,
                in_flight_ns: 11_000_000_000,
                ..connection(41, 34)
            },
            connection(0, 0),
            connection(10, 10),
            connection(20, 20),
            connection(40, 40),
        ],
        unsent: 3,
        in_flight: 2.5,
        in_flight_samples: 400,
        cpu: CpuTime::default(),
        tcp: sample().tcp,
        slowest: Vec::new(),
        is_same_host: Some(true),
    }
}

fn arguments(connections: u64) -> Arguments {
    Arguments {
        connections,
        ..sample().arguments
    }
}

fn results(outcome: LoadOutcome, expect: &[&str]) -> Results {
    let expect: Vec<Expect> = expect.iter().map(|text| text.parse().unwrap()).collect();
    let sample = sample();
    outcome.into_results(
        "a:7".to_owned(),
        arguments(5),
        sample.machine,
        RankLine::default(),
        sample.noise_floor,
        &expect,
    )
}

#[test]
fn every_figure_is_in_its_place() {
    let results = results(outcome(), &[]);
    assert_eq!(results.schema, SCHEMA);
    assert_eq!(results.started, "1970-01-01T00:00:01.500Z");
    assert_eq!(results.target.address, "a:7");
    assert_eq!(results.target.same_host, Some(true));
    assert_eq!(results.arguments, arguments(5));
    assert_eq!(results.machine, sample().machine);
    assert_eq!(results.noise_floor, sample().noise_floor);
    assert_eq!(results.series, sample().series);
    assert!(results.interrupted);
    assert_eq!((results.elapsed_s, results.throughput), (4.0, 25.0));
    let expected = Messages {
        sent: 111,
        replies: 104,
        replies_in_window: 100,
        unanswered: 6,
        unsent: 3,
        payload_bytes: 1248,
        wire_bytes: 1664,
        reads: 70,
        writes: 80,
    };
    assert_eq!(results.messages, expected);
    let in_flight = InFlight {
        sampled_mean: 2.5,
        samples: 400,
        latency_mean: 2.75,
    };
    assert_eq!(results.in_flight, in_flight);
    assert_eq!(results.failures, outcome().failures);
    assert_eq!(results.latency.count, 104);
    assert_eq!(results.latency_uncorrected, None);
    assert_eq!(results.schedule_lag, None);
    assert!(!results.verdict.valid);
}

#[test]
fn a_schedule_has_three_distributions() {
    let mut outcome = outcome();
    let of = |ns| {
        let mut histogram = Histogram::new(3).unwrap();
        histogram.record(ns).unwrap();
        Some(histogram)
    };
    (outcome.latency_uncorrected, outcome.schedule_lag) = (of(7_000), of(9_000));
    let results = results(outcome, &[]);
    assert_eq!(results.latency.count, 104);
    let max = |distribution: Option<crate::statistics::Distribution>| {
        distribution.map(|distribution| distribution.max_us.round())
    };
    assert_eq!(max(results.latency_uncorrected), Some(7.0));
    assert_eq!(max(results.schedule_lag), Some(9.0));
}

#[test]
fn connections_are_counted_without_the_idle() {
    let connections = outcome().connections();
    assert_eq!((connections.requested, connections.opened), (5, 5));
    assert_eq!((connections.idle, connections.replies_min), (1, 10));
    assert_eq!(
        (connections.replies_median, connections.replies_max),
        (30, 40)
    );
    assert_eq!(connections.replies, [30, 0, 10, 20, 40]);
    // 100² / (4 × 3000).
    assert!((connections.jain_fairness - 10_000.0 / 12_000.0).abs() < 1e-12);
    let mut none = outcome();
    none.connections.clear();
    let connections = none.connections();
    assert_eq!((connections.replies_min, connections.replies_max), (0, 0));
    assert_eq!(connections.jain_fairness, 1.0);
}

#[test]
fn an_expected_verdict_is_known_last() {
    let mut outcome = outcome();
    outcome.failures.clear();
    (outcome.unsent, outcome.interrupted) = (0, false);
    outcome.connections[0].unanswered = 0;
    let met = |expect: &[&str]| {
        let results = results(outcome.clone(), expect);
        let met = results.expectations.iter().map(|each| each.met);
        (met.collect::<Vec<_>>(), results.verdict.valid)
    };
    assert_eq!(met(&["valid"]), (vec![true], true));
    // p99 takes more samples than there are, and so the run is not valid.
    assert_eq!(
        met(&["valid", "p99<1s", "qps>20"]),
        (vec![false, false, true], false)
    );
    assert_eq!(met(&["p50<53us"]), (vec![true], true));
    assert_eq!(met(&["p50<52us"]), (vec![false], true));
}
