//! What a run brought: the schema of `--json`, and the only thing that the
//! summary, the verdict, the page and the comparison read.
//!
//! Times are in microseconds (`_us`) or seconds (`_s`), sizes in bytes, rates
//! per second, utilizations, shares and quantiles in 0..1. A field that does not
//! apply is `null`. The number in `schema` rises whenever a field changes its
//! meaning or goes away.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The number of this schema.
pub(crate) const SCHEMA: u32 = 2;

/// One run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Results {
    pub(crate) schema: u32,
    /// When the load began, in UTC, as RFC 3339.
    pub(crate) started: String,
    pub(crate) target: Target,
    pub(crate) arguments: Arguments,
    pub(crate) machine: Machine,
    /// `null` when it was not measured.
    pub(crate) noise_floor: Option<NoiseFloor>,
    /// Whether a signal ended the run before the end that was requested, or
    /// before all replies had come.
    pub(crate) interrupted: bool,
    /// The measured window: from the end of the warm-up to the end that was
    /// requested, or to the last reply if none was. All rates are divided by it.
    pub(crate) elapsed_s: f64,
    pub(crate) connections: Connections,
    pub(crate) messages: Messages,
    /// Right replies per second within the window.
    pub(crate) throughput: f64,
    /// From the intended start in an open loop, from the send in a closed one.
    /// Messages without a reply are in it with their age when they were given
    /// up, or with the timeout if their connection failed before that; those
    /// that were never sent with their lateness at the end.
    pub(crate) latency: Distribution,
    /// From the send; only in an open loop.
    pub(crate) latency_uncorrected: Option<Distribution>,
    /// How late messages were sent, against their intended start; only in an
    /// open loop.
    pub(crate) schedule_lag: Option<Distribution>,
    pub(crate) in_flight: InFlight,
    pub(crate) cpu: Cpu,
    pub(crate) series: Vec<Second>,
    /// By kind; kinds that did not happen are left out.
    pub(crate) failures: BTreeMap<String, u64>,
    pub(crate) expectations: Vec<Expectation>,
    pub(crate) verdict: Verdict,
}

impl Results {
    /// Failures of all kinds.
    pub(crate) fn failed(&self) -> u64 {
        self.failures.values().sum()
    }
}

/// The server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Target {
    /// As `host:port`.
    pub(crate) address: String,
    /// Whether it is on this machine, by the addresses of both ends; `null`
    /// without a connection.
    pub(crate) same_host: Option<bool>,
}

/// What the run was asked to do. Two runs compare when all of it agrees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(clippy::struct_excessive_bools)] // one for each flag
pub(crate) struct Arguments {
    /// Whether the server ran inside this process.
    pub(crate) with_server: bool,
    /// `framed` or `raw`.
    pub(crate) wire: String,
    pub(crate) connections: u64,
    /// Maximum of messages in flight on a connection.
    pub(crate) pipeline: u64,
    /// Messages per second over all connections; `null` is a closed loop.
    pub(crate) rate: Option<f64>,
    pub(crate) duration_s: Option<f64>,
    pub(crate) requests: Option<u64>,
    pub(crate) warmup_s: f64,
    pub(crate) ramp_s: f64,
    pub(crate) timeout_s: f64,
    /// As it was given: `64`, `64..4k`, `64,512,4k`.
    pub(crate) size: String,
    pub(crate) seed: u64,
    /// 0: one byte repeated, 1: random bytes.
    pub(crate) entropy: f64,
    pub(crate) verify: bool,
    pub(crate) checksum: bool,
    pub(crate) compress: bool,
    pub(crate) tls: bool,
    pub(crate) heartbeat_s: Option<f64>,
    pub(crate) read_buffer: Option<u64>,
    pub(crate) write_buffer: Option<u64>,
    pub(crate) send_buffer: Option<u64>,
    pub(crate) recv_buffer: Option<u64>,
    pub(crate) nodelay: bool,
}

/// Where the run was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Machine {
    /// Of this program.
    pub(crate) version: String,
    pub(crate) os: String,
    pub(crate) kernel: Option<String>,
    pub(crate) cpu_model: Option<String>,
    /// CPUs that this process may use.
    pub(crate) cpus: u64,
}

/// What this machine adds to every latency, measured before the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(clippy::struct_field_names)] // the unit is part of the schema
pub(crate) struct NoiseFloor {
    /// Reading the clock once.
    pub(crate) clock_us: f64,
    /// How much longer than asked a short sleep takes.
    pub(crate) timer_overshoot_p50_us: f64,
    pub(crate) timer_overshoot_p99_us: f64,
    /// From one thread waking another to that one running.
    pub(crate) thread_wakeup_p50_us: f64,
    pub(crate) thread_wakeup_p99_us: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Connections {
    pub(crate) requested: u64,
    pub(crate) opened: u64,
    /// Open ones that had no message to send.
    pub(crate) idle: u64,
    /// Right replies within the window on each open connection, by its index.
    pub(crate) replies: Vec<u64>,
    pub(crate) replies_min: u64,
    pub(crate) replies_median: u64,
    pub(crate) replies_max: u64,
    /// Jain's fairness index of the connections that had something to send: 1 is
    /// even, 1/n is all on one.
    pub(crate) jain_fairness: f64,
}

/// Messages after the warm-up: `sent` is the sum of `replies`, `unanswered` and
/// those that had a wrong reply, which are failures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Messages {
    pub(crate) sent: u64,
    /// With a right reply, whenever that came.
    pub(crate) replies: u64,
    /// Right replies within the window: the throughput is these over its length.
    /// Replies that came after its end are not among them, and those that came
    /// after its begin are, although their messages belong to the warm-up.
    pub(crate) replies_in_window: u64,
    /// Without any reply: timed out, or lost with their connection.
    pub(crate) unanswered: u64,
    /// Due before the end of an open loop and never sent.
    pub(crate) unsent: u64,
    /// Of the right replies, one way.
    pub(crate) payload_bytes: u64,
    /// The same on the wire, headers and checksums included.
    pub(crate) wire_bytes: u64,
    pub(crate) reads: u64,
    pub(crate) writes: u64,
}

impl Messages {
    /// What each right reply has of `total`; `None` without one.
    pub(crate) fn each(&self, total: f64) -> Option<f64> {
        (self.replies > 0).then(|| total / self.replies as f64)
    }
}

/// Latencies that were recorded with three significant digits.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Distribution {
    pub(crate) count: u64,
    pub(crate) min_us: f64,
    pub(crate) mean_us: f64,
    pub(crate) stddev_us: f64,
    pub(crate) max_us: f64,
    pub(crate) p50_us: f64,
    pub(crate) p90_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) p99_9_us: f64,
    pub(crate) p99_99_us: f64,
    /// The histogram in a few rows, none of them empty.
    pub(crate) buckets: Vec<Bucket>,
    /// The whole curve, rising, from quantile 0 towards 1; the steps halve
    /// with the distance to 1.
    pub(crate) curve: Vec<Point>,
}

/// So many samples are above `above_us`, and not above `up_to_us`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Bucket {
    pub(crate) above_us: f64,
    pub(crate) up_to_us: f64,
    pub(crate) count: u64,
}

/// A share `quantile` of the samples did not exceed `latency_us`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Point {
    pub(crate) quantile: f64,
    pub(crate) latency_us: f64,
}

/// Messages in flight over all connections, the mean of the window, found in two
/// ways that do not depend on each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct InFlight {
    /// By counting them `samples` times.
    pub(crate) sampled_mean: f64,
    pub(crate) samples: u64,
    /// By the times from each send to its reply, as far as they are inside: by
    /// Little's law, throughput times latency.
    pub(crate) latency_mean: f64,
}

/// CPU time within the window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cpu {
    /// Of this process, its server's threads left out.
    pub(crate) client_cpu_s: f64,
    /// Of the embedded server's threads.
    pub(crate) server_cpu_s: Option<f64>,
    /// The share of all CPUs that `client_cpu_s` is.
    pub(crate) client_utilization: f64,
    /// The share of one CPU that the busiest connection's thread used.
    pub(crate) busiest_thread_utilization: f64,
    /// The busy share of all CPUs, whoever used them; `null` where the system
    /// does not say.
    pub(crate) machine_utilization: Option<f64>,
}

/// One second of the run, or what there was of the last one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Second {
    /// When it ended, since the load began; warm-up included.
    pub(crate) elapsed_s: f64,
    /// Right replies per second.
    pub(crate) throughput: f64,
    /// `null` without a reply.
    pub(crate) p50_us: Option<f64>,
    pub(crate) p99_us: Option<f64>,
    pub(crate) max_us: Option<f64>,
    pub(crate) in_flight: u64,
    pub(crate) failures: u64,
    /// Not in any other figure.
    pub(crate) warmup: bool,
}

/// One `--expect` and how it went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Expectation {
    /// As it was given.
    pub(crate) text: String,
    /// In the unit it was given in; `null` when there was nothing to measure,
    /// or too few samples for it.
    pub(crate) measured: Option<f64>,
    pub(crate) met: bool,
    /// Samples that its percentile takes, when there were fewer.
    pub(crate) samples_needed: Option<u64>,
}

/// Whether the figures can be relied on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Verdict {
    /// No figure is in doubt.
    pub(crate) valid: bool,
    /// Why a figure may be wrong, each with its remedy.
    pub(crate) reasons: Vec<String>,
    /// Why right figures mean less than they may seem to.
    pub(crate) notes: Vec<String>,
}

/// A run without a flaw, for tests to make flaws in.
#[cfg(test)]
#[allow(clippy::too_many_lines)] // one for each field
pub(crate) fn sample() -> Results {
    let curve = [
        (0.0, 20.0),
        (0.5, 40.0),
        (0.75, 50.0),
        (0.9, 60.0),
        (0.99, 90.0),
        (0.999, 150.0),
        (0.9999, 400.0),
        (1.0, 900.0),
    ];
    Results {
        schema: SCHEMA,
        started: "2026-11-24T12:00:00Z".to_owned(),
        target: Target {
            address: "127.0.0.1:60000".to_owned(),
            same_host: Some(false),
        },
        arguments: Arguments {
            with_server: false,
            wire: "framed".to_owned(),
            connections: 4,
            pipeline: 1,
            rate: None,
            duration_s: Some(10.0),
            requests: None,
            warmup_s: 0.0,
            ramp_s: 0.0,
            timeout_s: 10.0,
            size: "12".to_owned(),
            seed: 1,
            entropy: 1.0,
            verify: true,
            checksum: false,
            compress: false,
            tls: false,
            heartbeat_s: None,
            read_buffer: None,
            write_buffer: None,
            send_buffer: None,
            recv_buffer: None,
            nodelay: true,
        },
        machine: Machine {
            version: "0.1.0".to_owned(),
            os: "linux".to_owned(),
            kernel: Some("6.18.0".to_owned()),
            cpu_model: Some("A Processor".to_owned()),
            cpus: 8,
        },
        noise_floor: Some(NoiseFloor {
            clock_us: 0.03,
            timer_overshoot_p50_us: 55.0,
            timer_overshoot_p99_us: 70.0,
            thread_wakeup_p50_us: 5.0,
            thread_wakeup_p99_us: 12.0,
        }),
        interrupted: false,
        elapsed_s: 10.0,
        connections: Connections {
            requested: 4,
            opened: 4,
            idle: 0,
            replies: vec![250_000; 4],
            replies_min: 250_000,
            replies_median: 250_000,
            replies_max: 250_000,
            jain_fairness: 1.0,
        },
        messages: Messages {
            sent: 1_000_000,
            replies: 1_000_000,
            replies_in_window: 1_000_000,
            unanswered: 0,
            unsent: 0,
            payload_bytes: 12_000_000,
            wire_bytes: 16_000_000,
            reads: 1_000_000,
            writes: 1_000_000,
        },
        throughput: 100_000.0,
        latency: Distribution {
            count: 1_000_000,
            min_us: 20.0,
            mean_us: 40.0,
            stddev_us: 10.0,
            max_us: 900.0,
            p50_us: 40.0,
            p90_us: 60.0,
            p99_us: 90.0,
            p99_9_us: 150.0,
            p99_99_us: 400.0,
            buckets: [
                (20.0, 40.0, 500_000),
                (40.0, 60.0, 400_000),
                (60.0, 150.0, 99_000),
                (150.0, 900.0, 1000),
            ]
            .map(|(above_us, up_to_us, count)| Bucket {
                above_us,
                up_to_us,
                count,
            })
            .to_vec(),
            curve: curve
                .map(|(quantile, latency_us)| Point {
                    quantile,
                    latency_us,
                })
                .to_vec(),
        },
        latency_uncorrected: None,
        schedule_lag: None,
        in_flight: InFlight {
            sampled_mean: 4.0,
            samples: 1000,
            latency_mean: 4.0,
        },
        cpu: Cpu {
            client_cpu_s: 10.0,
            server_cpu_s: None,
            client_utilization: 0.125,
            busiest_thread_utilization: 0.25,
            machine_utilization: Some(0.3),
        },
        series: (1..=10)
            .map(|second| Second {
                elapsed_s: f64::from(second),
                throughput: 100_000.0,
                p50_us: Some(40.0),
                p99_us: Some(90.0),
                max_us: Some(900.0),
                in_flight: 4,
                failures: 0,
                warmup: false,
            })
            .collect(),
        failures: BTreeMap::new(),
        expectations: Vec::new(),
        verdict: Verdict {
            valid: true,
            reasons: Vec::new(),
            notes: Vec::new(),
        },
    }
}
