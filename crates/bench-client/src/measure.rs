//! From what a run brought to its results.

use hdrhistogram::Histogram;

use crate::{
    host,
    load::Outcome,
    plan::Plan,
    results::{
        Connections, Cpu, Distribution, Messages, NoiseFloor, Point, Results, SCHEMA, Verdict,
    },
    verdict,
};

/// Points of the curve for each halving of the distance to quantile 1.
const POINTS_PER_HALVING: u32 = 8;

/// Puts everything together: figures, then expectations, then the verdict.
pub(crate) fn results(plan: &Plan, floor: Option<NoiseFloor>, outcome: &Outcome) -> Results {
    let measured = &outcome.measured;
    let scheduled = measured.scheduled.as_ref();
    let latency = distribution(measured.latency());
    let host = host::here();
    let mut results = Results {
        schema: SCHEMA,
        started: humantime::format_rfc3339_millis(outcome.started).to_string(),
        arguments: plan.arguments.clone(),
        cpu: cpu(plan, outcome, host.processors),
        host,
        noise_floor: floor,
        elapsed_s: outcome.elapsed.as_secs_f64(),
        connections: connections(plan, outcome),
        messages: Messages {
            sent: outcome.sent,
            replies: latency.count,
            unanswered: outcome.unanswered,
            payload_bytes: measured.payload_bytes,
            wire_bytes: measured.wire_bytes,
            reads: outcome.reads,
            writes: outcome.writes,
        },
        throughput: proto::qps::rate(latency.count, outcome.elapsed),
        latency,
        latency_uncorrected: scheduled.map(|_| distribution(&measured.uncorrected)),
        schedule_lag: scheduled.map(|scheduled| distribution(&scheduled.lag)),
        in_flight_mean: outcome.in_flight,
        series: outcome.series.clone(),
        failures: outcome.failures.by_name(),
        expectations: Vec::new(),
        verdict: Verdict::default(),
    };
    results.expectations = plan
        .expect
        .iter()
        .map(|expect| expect.judge(&results))
        .collect();
    results.verdict = verdict::verdict(&results);
    results
}

fn connections(plan: &Plan, outcome: &Outcome) -> Connections {
    let mut sorted = outcome.replies.clone();
    sorted.sort_unstable();
    let sum: f64 = sorted.iter().map(|n| *n as f64).sum();
    let squares: f64 = sorted.iter().map(|n| (*n as f64).powi(2)).sum();
    Connections {
        asked: plan.load.connections,
        opened: outcome.opened,
        replies_min: sorted.first().copied().unwrap_or(0),
        replies_median: sorted.get(sorted.len() / 2).copied().unwrap_or(0),
        replies_max: sorted.last().copied().unwrap_or(0),
        fairness: if squares > 0.0 {
            sum * sum / (sorted.len() as f64 * squares)
        } else {
            1.0
        },
        replies: outcome.replies.clone(),
    }
}

fn cpu(plan: &Plan, outcome: &Outcome, processors: u64) -> Cpu {
    let threads = outcome.cpu_threads.as_secs_f64();
    let process = outcome.cpu_process.map(|process| process.as_secs_f64());
    // The rest of the process: the server's threads, and the one that looks. A
    // system whose clocks disagree does not say.
    let server_s = process
        .map(|process| process - threads)
        .filter(|rest| *rest > 0.0);
    let is_embedded = plan.arguments.with_server;
    let own_s = if is_embedded {
        threads
    } else {
        process.unwrap_or(threads)
    };
    let available = outcome.elapsed.as_secs_f64() * processors as f64;
    Cpu {
        own_s,
        server_s: server_s.filter(|_| is_embedded),
        own_share: if available > 0.0 {
            own_s / available
        } else {
            0.0
        },
        host_share: outcome.host_share,
    }
}

/// The figures of a histogram of nanoseconds.
fn distribution(histogram: &Histogram<u64>) -> Distribution {
    if histogram.is_empty() {
        return Distribution::default();
    }
    let us = |ns: u64| ns as f64 / 1e3;
    let at = |quantile| us(histogram.value_at_quantile(quantile));
    Distribution {
        count: histogram.len(),
        min_us: us(histogram.min()),
        mean_us: histogram.mean() / 1e3,
        stddev_us: histogram.stdev() / 1e3,
        max_us: us(histogram.max()),
        p50_us: at(0.5),
        p90_us: at(0.9),
        p99_us: at(0.99),
        p99_9_us: at(0.999),
        p99_99_us: at(0.9999),
        curve: histogram
            .iter_quantiles(POINTS_PER_HALVING)
            .map(|value| Point {
                quantile: value.quantile_iterated_to(),
                latency_us: us(value.value_iterated_to().min(histogram.max())),
            })
            .collect(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_distribution_is_in_order_and_ends_at_its_maximum() {
        let mut histogram = Histogram::<u64>::new(3).unwrap();
        for us in 1..=10_000_u64 {
            histogram.record(us * 1000).unwrap();
        }
        let distribution = distribution(&histogram);
        assert_eq!(distribution.count, 10_000);
        for (figure, us) in [
            (distribution.p50_us, 5000.0),
            (distribution.p99_us, 9900.0),
            (distribution.p99_9_us, 9990.0),
            (distribution.mean_us, 5000.5),
        ] {
            assert!((figure / us - 1.0).abs() < 0.001, "{figure} for {us}");
        }
        assert!(
            distribution
                .curve
                .is_sorted_by(|a, b| { a.quantile <= b.quantile && a.latency_us <= b.latency_us })
        );
        let last = distribution.curve.last().unwrap();
        assert!((last.quantile - 1.0).abs() < 1e-9);
        assert!((last.latency_us / distribution.max_us - 1.0).abs() < 1e-9);
        assert_eq!(super::distribution(&Histogram::new(3).unwrap()).count, 0);
    }
}
