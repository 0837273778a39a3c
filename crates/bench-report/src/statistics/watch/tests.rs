use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn histogram() -> Histogram<u64> {
    let mut histogram = Histogram::new_with_bounds(1, 2, 3).unwrap();
    histogram.auto(true);
    histogram
}

/// A normal deviate, from twelve uniform ones.
fn normal(random: &mut fastrand::Rng) -> f64 {
    (0..12).map(|_| random.f64()).sum::<f64>() - 6.0
}

/// How many of `runs` had the true throughput of 1,000 in their interval, and how long
/// all of them took. Seconds deviate by a tenth, with `memory` as the correlation of
/// neighbours.
fn covered(runs: u64, memory: f64, share: &str) -> (u64, usize) {
    let until: Until = format!("throughput±{share}").parse().unwrap();
    let (mut covered, mut seconds) = (0, 0);
    for seed in 0..runs {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut watch = PrecisionWatch::new(until.clone(), 600 * SECOND);
        let mut off = normal(&mut random);
        for _ in 0..600 {
            off = memory * off + (1.0 - memory * memory).sqrt() * normal(&mut random);
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let replies = (1000.0 + 100.0 * off).max(0.0) as u64;
            seconds += 1;
            if watch.second(SECOND, replies, &histogram()) {
                break;
            }
        }
        let precision = watch.finish();
        let (low, high) = (precision.low.unwrap(), precision.high.unwrap());
        covered += u64::from((low..=high).contains(&1000.0));
    }
    (covered, seconds)
}

/// 95 % of 200 are 190, with a deviation of 3.1.
#[test]
fn the_interval_holds_the_figure_of_independent_seconds() {
    let (covered, seconds) = covered(200, 0.0, "5%");
    assert!(covered >= 187, "{covered} of 200");
    // A single check, planned beforehand, would need 16 s.
    assert!((20..80).contains(&(seconds / 200)), "{seconds}");
}

/// The correlation decays within 1.4, 4.5 and 9.5 s. With the last, the first checks
/// cover too few of such times, and the probability of error is 8 %, not 5 %.
#[test]
fn the_interval_holds_the_figure_of_correlated_seconds() {
    for (memory, least) in [(0.5, 184), (0.8, 182), (0.9, 174)] {
        let (covered, _) = covered(200, memory, "5%");
        assert!(covered >= least, "{covered} of 200 with {memory}");
    }
}

#[test]
fn the_interval_holds_a_percentile() {
    // Latencies of 1 ms times an exponential deviate: p90 is 2.30 ms.
    let until: Until = "p90±10%".parse().unwrap();
    let mut held = 0;
    for seed in 0..100 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut watch = PrecisionWatch::new(until.clone(), 60 * SECOND);
        for _ in 0..60 {
            let mut latencies = histogram();
            for _ in 0..100 {
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                let ns = (-1e6 * (1.0 - random.f64()).ln()) as u64 + 1;
                latencies.record(ns).unwrap();
            }
            if watch.second(SECOND, 100, &latencies) {
                break;
            }
        }
        let precision = watch.finish();
        let (low, high) = (precision.low.unwrap(), precision.high.unwrap());
        held += u64::from(low <= 2302.6 && 2302.6 <= high);
    }
    assert!(held >= 91, "{held} of 100");
}

#[test]
fn a_figure_that_does_not_settle_is_not_known() {
    let mut watch = PrecisionWatch::new("qps+-2%".parse().unwrap(), 60 * SECOND);
    assert!((0..60).all(|n| !watch.second(SECOND, 1000 + 20 * n, &histogram())));
    let precision = watch.finish();
    assert!(!precision.reached && precision.share().unwrap() > 0.02);
}

#[test]
fn an_even_run_ends_at_the_first_check() {
    let mut watch = PrecisionWatch::new("throughput±1%".parse().unwrap(), 60 * SECOND);
    let ends = (1..=60).find(|n| watch.second(SECOND, 1000 + n % 2, &histogram()));
    assert_eq!(ends, Some(20));
    // Too short for an interval.
    let watch = PrecisionWatch::new("p99±1%".parse().unwrap(), SECOND);
    let precision = watch.finish();
    assert_eq!((precision.reached, precision.figure), (false, None));
}

#[test]
fn the_result_is_a_line() {
    let mut precision = Precision {
        text: "qps±2%".to_owned(),
        figure: Some(100_000.0),
        low: Some(99_100.0),
        high: Some(101_500.0),
        reached: true,
        looks: 3,
    };
    assert_eq!(
        precision.to_string(),
        "qps±2% reached: 100k, 99.1k to 102k with 95 % confidence"
    );
    assert!((precision.share().unwrap() - 0.015).abs() < 1e-9);
    precision.text = "p99+-2%".to_owned();
    (precision.high, precision.reached) = (None, false);
    assert_eq!(
        precision.to_string(),
        "p99+-2% not reached: 100 ms, 99.1 ms to unknown with 95 % confidence"
    );
    assert_eq!(precision.share(), None);
    precision.figure = None;
    let line = "p99+-2% not reached: the run was too short for an interval";
    assert_eq!(precision.to_string(), line);
}

#[test]
fn texts() {
    for good in ["throughput±2%", "qps+-0.5%", "p99 ± 5 %", "p99.9+-10%"] {
        assert_eq!(good.parse::<Until>().unwrap().to_string(), good);
    }
    for bad in [
        "",
        "throughput",
        "throughput±2",
        "p100±2%",
        "p0±2%",
        "max±2%",
        "p99±0%",
        "p99±-1%",
        "p99±60%",
        "p99±nan%",
        "±2%",
    ] {
        assert!(bad.parse::<Until>().is_err(), "{bad}");
    }
}
