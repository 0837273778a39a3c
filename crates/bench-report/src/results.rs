//! The results of a run: the schema of `--json`, and all that the summary, the
//! verdict, the page and the comparison read.
//!
//! Times are in microseconds (`_us`) or seconds (`_s`), sizes in bytes, rates
//! per second, utilizations, shares and quantiles in 0..1. A field that does not
//! apply is `null`. The number in `schema` rises whenever a field changes its
//! meaning or is removed.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use serde::{Deserialize, Serialize};

use crate::statistics::{Distribution, Fit, Precision};

mod ranks;
mod slow;
mod tcp;
mod under_load;

pub use ranks::{RankLine, Slice, instant};
pub use slow::{Cause, SlowMessage};
pub(crate) use slow::{MIN_RETRANSMISSION_US, attribute};
pub use tcp::{Tcp, TcpEnd, TcpInfo, TcpSpan, TcpState};
pub use under_load::{Part, UnderLoad};

/// The number of this schema.
pub const SCHEMA: u32 = 2;

/// The results of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// [`SCHEMA`].
    pub schema: u32,
    /// When the load began, in UTC, as RFC 3339.
    pub started: String,
    /// The server.
    pub target: Target,
    /// What was requested.
    pub arguments: Arguments,
    /// Where the run was made.
    pub machine: Machine,
    /// `null` when it was not measured.
    pub noise_floor: Option<NoiseFloor>,
    /// Whether a signal ended the run before the end that was requested, or
    /// before all replies had come.
    pub interrupted: bool,
    /// The measured window: from the end of the warm-up to the end that was
    /// requested, or to the last reply if none was. All rates are divided by it.
    pub elapsed_s: f64,
    /// Connections, and how evenly they were served.
    pub connections: Connections,
    /// Messages and bytes.
    pub messages: Messages,
    /// Correct replies per second within the window.
    pub throughput: f64,
    /// From the intended start in an open loop, from the send in a closed one.
    /// Messages without a reply are included with their age when they were given
    /// up, or with the timeout if their connection failed before that; those
    /// that were never sent, with their lateness at the end.
    pub latency: Distribution,
    /// From the send; only in an open loop.
    pub latency_uncorrected: Option<Distribution>,
    /// How late messages were sent, against their intended start; only in an
    /// open loop.
    pub schedule_lag: Option<Distribution>,
    /// Opening a connection, TLS handshake included, where each has a number of
    /// messages; those that were opened before the measurement are not included.
    #[serde(default)]
    pub connect_latency: Option<Distribution>,
    /// Whether the times at which messages were really sent are those of a Poisson
    /// process; only with Poisson arrivals, and enough of them.
    #[serde(default)]
    pub arrivals: Option<Fit>,
    /// How precisely the figure of `--until` is known; `null` without that.
    #[serde(default)]
    pub precision: Option<Precision>,
    /// The messages without and with the load of `--load`; `null` without that.
    #[serde(default)]
    pub under_load: Option<UnderLoad>,
    /// Messages in flight.
    pub in_flight: InFlight,
    /// CPU time.
    pub cpu: Cpu,
    /// The connections as the kernel saw them; `null` where it does not say.
    #[serde(default)]
    pub tcp: Option<Tcp>,
    /// The slowest messages, the slowest first.
    #[serde(default)]
    pub slowest: Vec<SlowMessage>,
    /// The processes that the load was shared by: one, but in merged results.
    #[serde(default)]
    pub ranks: Vec<RankLine>,
    /// The samples, to merge these results with others.
    #[serde(default)]
    pub slices: Vec<Slice>,
    /// Second by second.
    pub series: Vec<Second>,
    /// By kind; kinds that did not happen are left out.
    pub failures: BTreeMap<String, u64>,
    /// Each `--expect`.
    pub expectations: Vec<Expectation>,
    /// Whether the figures can be relied on.
    pub verdict: Verdict,
}

impl Results {
    /// Failures of all kinds.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failures.values().sum()
    }
}

/// Failures by kind, in one line: `2 short, 1 timeout`.
#[must_use]
pub fn kinds(failures: &BTreeMap<String, u64>) -> String {
    let kinds: Vec<String> = failures
        .iter()
        .map(|(kind, count)| format!("{count} {}", kind.replace('_', " ")))
        .collect();
    kinds.join(", ")
}

/// The server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// As `host:port`.
    pub address: String,
    /// Whether it is on this machine, by the addresses of both ends; `null`
    /// without a connection.
    pub same_host: Option<bool>,
}

/// What a run was requested to do. Two runs compare when all of it agrees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(clippy::struct_excessive_bools)] // one for each flag
pub struct Arguments {
    /// Whether the server ran inside this process.
    pub with_server: bool,
    /// `framed` or `raw`.
    pub wire: String,
    /// Processes that share the load; all that follows is for all of them.
    #[serde(default = "one")]
    pub ranks: u64,
    /// Connections to open.
    pub connections: u64,
    /// Maximum messages in flight on a connection.
    pub pipeline: u64,
    /// Messages per second over all connections; `null` is a closed loop.
    pub rate: Option<f64>,
    /// When messages are due in an open loop: `uniform` or `poisson`.
    #[serde(default)]
    pub arrivals: Arrivals,
    /// A figure and how precisely it is to be known: `throughput±2%`; `null` is as
    /// long as the other ends say.
    #[serde(default)]
    pub until: Option<String>,
    /// How long to measure; `null` is until another end.
    #[serde(rename = "duration_s", with = "optional_seconds")]
    pub duration: Option<Duration>,
    /// Messages to send over all connections; `null` is no limit.
    pub requests: Option<u64>,
    /// Excluded from every figure.
    #[serde(rename = "warmup_s", with = "seconds")]
    pub warmup: Duration,
    /// Connections that stream bulk frames in the second half; `null` is none.
    #[serde(default)]
    pub load: Option<u64>,
    /// Messages of a connection, before another takes its place; `null` is no limit.
    #[serde(default)]
    pub per_connection: Option<u64>,
    /// Over which connections are opened.
    #[serde(rename = "ramp_s", with = "seconds")]
    pub ramp: Duration,
    /// Maximum wait for a reply.
    #[serde(rename = "timeout_s", with = "seconds")]
    pub timeout: Duration,
    /// Payload in bytes, as given: `64`, `64..4k`, `64,512,4k`.
    pub size: String,
    /// Sizes and payloads depend on it.
    pub seed: u64,
    /// Share of random bytes in a payload: 0 is one byte repeated.
    pub entropy: f64,
    /// Whether reply contents were verified.
    pub verify: bool,
    /// Whether frames carried a checksum.
    pub checksum: bool,
    /// Whether payloads were compressed.
    pub compress: bool,
    /// Whether connections were encrypted.
    pub tls: bool,
    /// Silence after which a heartbeat is sent; `null` is none.
    #[serde(rename = "heartbeat_s", with = "optional_seconds")]
    pub heartbeat: Option<Duration>,
    /// Maximum bytes of one read; `null` is the default.
    pub read_buffer: Option<u64>,
    /// Bytes collected before a write; `null` is the default.
    pub write_buffer: Option<u64>,
    /// `SO_SNDBUF`; `null` is the system's default.
    pub send_buffer: Option<u64>,
    /// `SO_RCVBUF`; `null` is the system's default.
    pub recv_buffer: Option<u64>,
    /// Whether Nagle's algorithm is off (`TCP_NODELAY`).
    pub nodelay: bool,
    /// How long reads poll before they sleep.
    #[serde(rename = "spin_s", with = "seconds", default)]
    pub spin: Duration,
    /// CPUs that the generator was pinned to; `null` is all.
    #[serde(default)]
    pub cpus: Option<String>,
    /// The only version of IP to use, 4 or 6; `null` is both.
    #[serde(default)]
    pub ip_version: Option<u8>,
    /// Local addresses that connections take in turn; empty is the system's choice.
    #[serde(default)]
    pub sources: Vec<IpAddr>,
    /// The congestion control algorithm; `null` is the system's.
    #[serde(default)]
    pub congestion: Option<String>,
    /// The class of packets sent; `null` is the system's.
    #[serde(default)]
    pub dscp: Option<u8>,
}

/// When the messages of an open loop are due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arrivals {
    /// At even intervals.
    #[default]
    Uniform,
    /// After exponentially distributed gaps: a Poisson process.
    Poisson,
}

/// Where a run was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Of this program.
    pub version: String,
    /// Operating system.
    pub os: String,
    /// Its release.
    pub kernel: Option<String>,
    /// Model of the first CPU.
    pub cpu_model: Option<String>,
    /// CPUs that this process may use.
    pub cpus: u64,
}

/// What this machine adds to every latency, measured before the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(clippy::struct_field_names)] // the unit is part of the schema
pub struct NoiseFloor {
    /// Reading the clock once.
    pub clock_us: f64,
    /// How much longer than requested a short sleep takes, median.
    pub timer_overshoot_p50_us: f64,
    /// The same, p99.
    pub timer_overshoot_p99_us: f64,
    /// From one thread waking another to that one running, median.
    pub thread_wakeup_p50_us: f64,
    /// The same, p99.
    pub thread_wakeup_p99_us: f64,
}

/// Connections, and how evenly they were served.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Connections {
    /// To be opened.
    pub requested: u64,
    /// Opened.
    pub opened: u64,
    /// Opened, with no message to send.
    pub idle: u64,
    /// Correct replies within the window on each open connection, by its index.
    pub replies: Vec<u64>,
    /// Fewest of them on a connection that was not idle.
    pub replies_min: u64,
    /// Their median.
    pub replies_median: u64,
    /// Most.
    pub replies_max: u64,
    /// Jain's fairness index of the connections that were not idle: 1 is even,
    /// 1/n is all on one.
    pub jain_fairness: f64,
}

/// Messages after the warm-up: `sent` is the sum of `replies`, `unanswered` and
/// those that had a wrong reply, which are failures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Messages {
    /// Sent.
    pub sent: u64,
    /// With a correct reply, whenever that came.
    pub replies: u64,
    /// Correct replies within the window: the throughput is these over its
    /// length. Replies that came after its end are not included, and those that
    /// came after its begin are, although their messages belong to the warm-up.
    pub replies_in_window: u64,
    /// Without any reply: timed out, or lost with their connection.
    pub unanswered: u64,
    /// Due before the end of an open loop and never sent.
    pub unsent: u64,
    /// Payload of the correct replies, one way.
    pub payload_bytes: u64,
    /// The same on the wire, headers and checksums included.
    pub wire_bytes: u64,
    /// Reads that brought something.
    pub reads: u64,
    /// Writes that sent something.
    pub writes: u64,
}

impl Messages {
    /// The share of each correct reply in `total`; `None` without one.
    #[must_use]
    pub fn each(&self, total: f64) -> Option<f64> {
        (self.replies > 0).then(|| total / self.replies as f64)
    }
}

/// Messages in flight over all connections, the mean of the window, found in two
/// ways that do not depend on each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct InFlight {
    /// By counting them `samples` times.
    pub sampled_mean: f64,
    /// How often they were counted.
    pub samples: u64,
    /// By the times from each send to its reply, as far as they are inside: by
    /// Little's law, throughput times latency.
    pub latency_mean: f64,
}

/// CPU time within the window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cpu {
    /// Of this process without its server's threads.
    pub client_cpu_s: f64,
    /// Of the embedded server's threads.
    pub server_cpu_s: Option<f64>,
    /// CPUs that the client may run on.
    pub client_cpus: u64,
    /// The share of those CPUs that `client_cpu_s` is.
    pub client_utilization: f64,
    /// The share of one CPU that the busiest connection's thread used.
    pub busiest_thread_utilization: f64,
    /// The busy share of all CPUs, by all processes; `null` where the system
    /// does not say.
    pub machine_utilization: Option<f64>,
}

/// One second of the run, or what there was of the last one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Second {
    /// Its end, since the load began; warm-up included.
    pub elapsed_s: f64,
    /// Correct replies per second.
    pub throughput: f64,
    /// Median latency; `null` without a reply.
    pub p50_us: Option<f64>,
    /// Its 99th percentile.
    pub p99_us: Option<f64>,
    /// The highest latency.
    pub max_us: Option<f64>,
    /// Messages in flight at its end.
    pub in_flight: u64,
    /// Failures in it.
    pub failures: u64,
    /// Excluded from all other figures.
    pub warmup: bool,
}

/// One `--expect` and its outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expectation {
    /// As given.
    pub text: String,
    /// In the unit it was given in; `null` when there was nothing to measure,
    /// or too few samples for it.
    pub measured: Option<f64>,
    /// Whether it holds.
    pub met: bool,
    /// Samples that its percentile takes, when there were fewer.
    pub samples_needed: Option<u64>,
}

/// Whether the figures can be relied on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// No figure is in doubt.
    pub valid: bool,
    /// Why a figure may be wrong, each with its remedy.
    pub reasons: Vec<String>,
    /// Why correct figures mean less than they may seem to.
    pub notes: Vec<String>,
}

impl Verdict {
    /// `VALID`, `VALID with notes` or `SUSPECT`.
    #[must_use]
    pub fn outcome(&self) -> &'static str {
        match self {
            Self { valid: false, .. } => "SUSPECT",
            Self { notes, .. } if notes.is_empty() => "VALID",
            Self { .. } => "VALID with notes",
        }
    }
}

/// What an older file of this schema does not say.
const fn one() -> u64 {
    1
}

/// A duration as a number of seconds.
mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[allow(clippy::trivially_copy_pass_by_ref)] // serde's signature
    pub(super) fn serialize<S: Serializer>(
        duration: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(duration.as_secs_f64())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        Duration::try_from_secs_f64(f64::deserialize(deserializer)?).map_err(Error::custom)
    }
}

/// The same, or `null`.
mod optional_seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    #[allow(clippy::ref_option)] // serde's signature
    pub(super) fn serialize<S: Serializer>(
        duration: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        duration
            .as_ref()
            .map(Duration::as_secs_f64)
            .serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        let seconds = Option::<f64>::deserialize(deserializer)?;
        let duration = seconds.map(Duration::try_from_secs_f64).transpose();
        duration.map_err(Error::custom)
    }
}

/// A run without a flaw, for tests to make flaws in.
#[cfg(test)]
#[allow(clippy::too_many_lines)] // one for each field
pub(crate) fn sample() -> Results {
    use crate::statistics::{Bucket, Point};

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
            ranks: 1,
            connections: 4,
            pipeline: 1,
            rate: None,
            arrivals: Arrivals::Uniform,
            until: None,
            duration: Some(Duration::from_secs(10)),
            requests: None,
            warmup: Duration::ZERO,
            load: None,
            per_connection: None,
            ramp: Duration::ZERO,
            timeout: Duration::from_secs(10),
            size: "12".to_owned(),
            seed: 1,
            entropy: 1.0,
            verify: true,
            checksum: false,
            compress: false,
            tls: false,
            heartbeat: None,
            read_buffer: None,
            write_buffer: None,
            send_buffer: None,
            recv_buffer: None,
            nodelay: true,
            spin: Duration::ZERO,
            cpus: None,
            ip_version: None,
            sources: Vec::new(),
            congestion: None,
            dscp: None,
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
        connect_latency: None,
        arrivals: None,
        precision: None,
        under_load: None,
        in_flight: InFlight {
            sampled_mean: 4.0,
            samples: 1000,
            latency_mean: 4.0,
        },
        cpu: Cpu {
            client_cpu_s: 10.0,
            server_cpu_s: None,
            client_cpus: 8,
            client_utilization: 0.125,
            busiest_thread_utilization: 0.25,
            machine_utilization: Some(0.3),
        },
        tcp: Some(Tcp {
            client: TcpEnd::of(&[Some((Some(TcpInfo::default()), sample_tcp()))]),
            server: None,
        }),
        slowest: Vec::new(),
        ranks: vec![RankLine {
            start: "2026-11-24T12:00:00.000000Z".to_owned(),
            launched: "2026-11-24T12:00:00.000000Z".to_owned(),
            elapsed_s: 10.0,
            connections: 4,
            ..RankLine::default()
        }],
        slices: Vec::new(),
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

/// The end of a connection that had all messages of [`sample`].
#[cfg(test)]
pub(crate) fn sample_tcp() -> TcpInfo {
    TcpInfo {
        segments_out: 1_000_000,
        segments_in: 1_000_000,
        data_segments_out: 1_000_000,
        data_segments_in: 1_000_000,
        rtt_us: 21,
        rtt_variance_us: 9,
        min_rtt_us: 14,
        congestion_window: 10,
        delivery_rate: 1_000_000,
        mss: 1448,
        ack_timeout_us: 40_000,
        ..TcpInfo::default()
    }
}
