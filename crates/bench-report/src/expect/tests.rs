use super::*;
use crate::{results::sample, statistics::Distribution};

/// 100,000 latencies, 1 to 1,000 µs equally often.
fn latencies() -> Histogram<u64> {
    let mut latencies = Histogram::new(3).unwrap();
    for us in 1..=1000 {
        latencies.record_n(us * 1000, 100).unwrap();
    }
    latencies
}

fn parse(text: &str) -> Result<Expect, String> {
    text.parse()
}

fn check(text: &str, results: &Results) -> Expectation {
    parse(text).unwrap().check(results, &latencies())
}

#[test]
fn every_metric_reads_its_own_figure() {
    let mut results = sample();
    results.connections.opened = 3;
    results.messages.unanswered = 2;
    results.messages.unsent = 5;
    results.failures = [("short".to_owned(), 4), ("timeout".to_owned(), 3)].into();
    for (text, measured) in [
        ("valid", 1.0),
        ("qps>1", 100_000.0),
        ("throughput>1", 100_000.0),
        ("errors=0", 7.0),
        ("failures=0", 7.0),
        ("unanswered=0", 2.0),
        ("unsent=0", 5.0),
        ("connections=4", 3.0),
        ("min<1us", 20.0),
        ("mean<1us", 40.0),
        ("max<1µs", 900.0),
        ("p50<1us", 500.0),
        ("p95<1us", 950.0),
        ("p99.9 < 1 us", 999.0),
        ("p99.99<1us", 1000.0),
        ("p100<1us", 1000.0),
        ("p1<1us", 10.0),
        ("p0<1us", 1.0),
        // In the unit it was given in.
        ("max<1ms", 0.9),
        ("max<900ns", 900_000.0),
        ("max<1s", 0.0009),
        ("p90<1ms", 0.9),
    ] {
        let expectation = check(text, &results);
        let off = expectation.measured.unwrap() / measured - 1.0;
        assert!(off.abs() < 0.001, "{text}: {expectation:?}");
        assert_eq!(expectation.text, text);
        assert_eq!(expectation.samples_needed, None);
    }
}

#[test]
fn operators_differ_at_the_bound() {
    let results = sample(); // The maximum is 900 µs.
    for (sign, met) in [
        ("<", [false, false, true]),
        ("<=", [false, true, true]),
        (">", [true, false, false]),
        (">=", [true, true, false]),
        ("=", [false, true, false]),
        ("==", [false, true, false]),
    ] {
        for (bound, met) in ["899us", "0.9ms", "900.5us"].iter().zip(met) {
            let text = format!("max{sign}{bound}");
            assert_eq!(check(&text, &results).met, met, "{text}");
        }
    }
}

#[test]
fn what_was_not_measured_was_missed() {
    let mut results = sample();
    results.latency = Distribution::default();
    for text in ["p99<5s", "p99>=0s", "min>=0s", "mean<5s", "max<5s"] {
        let expectation = check(text, &results);
        assert!(!expectation.met, "{text}");
        assert_eq!(expectation.measured, None);
        assert_eq!(
            expectation.to_string(),
            format!("{text} missed: nothing was measured")
        );
    }
    results.throughput = f64::NAN;
    assert!(!check("qps>=0", &results).met);
}

#[test]
fn a_percentile_needs_its_samples() {
    let expectation = check("p99.999<5s", &sample());
    assert!(!expectation.met);
    assert_eq!(expectation.samples_needed, Some(1_000_000));
    assert_eq!(
        expectation.to_string(),
        "p99.999<5s missed: it takes 1000000 samples, and there were fewer"
    );
    assert!(check("p99.99<5s", &sample()).met);
}

#[test]
fn a_valid_run_can_be_expected() {
    let mut results = sample();
    assert_eq!(check("valid", &results).to_string(), "valid met: VALID");
    results.verdict.notes.push("as it is".to_owned());
    assert!(check("valid", &results).met);
    results.verdict.valid = false;
    let expectation = check(" valid ", &results);
    assert!(!expectation.met);
    assert_eq!(expectation.to_string(), " valid  missed: SUSPECT");
}

#[test]
fn a_miss_says_by_how_much() {
    let mut results = sample();
    results.connections.opened = 5;
    results.latency.mean_us = 22.0;
    results.latency.max_us = 7310.0;
    for (text, line) in [
        ("max<5ms", "max<5ms missed: 7.31 ms, 46 % over"),
        (
            "connections<5",
            "connections<5 missed: 5, exactly at the limit",
        ),
        ("connections>50", "connections>50 missed: 5, 90 % under"),
        ("connections<=4", "connections<=4 missed: 5, 25 % over"),
        ("mean<20us", "mean<20us missed: 22.0 µs, 10 % over"),
        (
            "max<7.31ms",
            "max<7.31ms missed: 7.31 ms, exactly at the limit",
        ),
        ("max<8ms", "max<8ms met: 7.31 ms"),
        ("qps>105k", "qps>105k missed: 100000, 4.8 % under"),
        ("qps>1M", "qps>1M missed: 100000, 90 % under"),
        ("max<0s", "max<0s missed: 7.31 ms, 7.31 ms over"),
    ] {
        assert_eq!(check(text, &results).to_string(), line);
    }
    results.failures = [("short".to_owned(), 3)].into();
    let line = check("errors=0", &results).to_string();
    assert_eq!(line, "errors=0 missed: 3, 3 over");
    results.throughput = 0.25;
    let line = check("qps>1", &results).to_string();
    assert_eq!(line, "qps>1 missed: 0.250, 75 % under");
    let mut unknown = check("qps>1", &results);
    unknown.text = "of another version".to_owned();
    assert_eq!(unknown.to_string(), "of another version missed: 0.25");
}

#[test]
fn numbers_take_factors_and_latencies_units() {
    for (text, bound) in [
        ("qps>50000", 50_000.0),
        ("qps>50k", 50_000.0),
        ("qps>1.5M", 1_500_000.0),
        ("p99<1.5ms", 1.5),
        ("errors==3", 3.0),
        ("qps=1G", 1e9),
        ("max<=2s", 2.0),
        ("unsent = 0.5", 0.5),
    ] {
        let off = parse(text).unwrap().bound - bound;
        assert!(off.abs() < 1e-9, "{text}");
    }
}

#[test]
fn what_cannot_be_right_is_refused_in_one_line() {
    for (bad, expected) in [
        ("", "or a metric, one of"),
        ("p99", "or a metric, one of"),
        ("invalid", "expected valid"),
        ("<5ms", "expected qps, errors"),
        ("p<5ms", "expected qps, errors"),
        ("p101<5ms", "expected qps, errors"),
        ("p-1<5ms", "expected qps, errors"),
        ("pNaN<5ms", "expected qps, errors"),
        ("median<5ms", "expected qps, errors"),
        ("p99<5", "a latency with its unit"),
        ("p99<", "a latency with its unit"),
        ("p99<ms", "a latency with its unit"),
        ("p99<-5ms", "a latency with its unit"),
        ("p99<1.2.3ms", "a latency with its unit"),
        ("p99<5h", "a latency with its unit"),
        ("p99===5ms", "a latency with its unit"),
        ("valid=1", "expected qps, errors"),
        ("qps>5ms", "a number without a unit"),
        ("qps>", "a number without a unit"),
        ("qps>inf", "a number without a unit"),
        ("qps>1e5", "a number without a unit"),
        ("errors=none", "a number without a unit"),
    ] {
        let error = parse(bad).unwrap_err();
        assert!(error.contains(expected), "{bad}: {error}");
        assert!(!error.contains('\n'), "{error}");
    }
}
