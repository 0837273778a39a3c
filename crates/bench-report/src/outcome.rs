//! From the outcome of a load to the results of a run.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use hdrhistogram::Histogram;

use crate::{
    Expect,
    format::rfc3339,
    results::{
        Arguments, Connections, Cpu, InFlight, Machine, Messages, NoiseFloor, Part, RankLine,
        Results, SCHEMA, Second, Slice, SlowMessage, Target, Tcp, UnderLoad, Verdict, attribute,
        instant,
    },
    statistics::{Fit, Precision, distribution},
    verdict,
};

/// The outcome of a load: counts and latencies, not judged yet.
#[derive(Clone, Debug)]
pub struct LoadOutcome {
    /// When the load began.
    pub started: SystemTime,
    /// When the measured window began.
    pub measured_from: SystemTime,
    /// See [`Results::slices`].
    pub slices: Vec<Slice>,
    /// Whether a signal came before the end that was requested, or before all
    /// replies had come.
    pub interrupted: bool,
    /// The measured window: from the end of the warm-up to the end of the run.
    pub elapsed: Duration,
    /// See [`Results::latency`], in nanoseconds.
    pub latency: Histogram<u64>,
    /// In an open loop from the send, in nanoseconds; else `None`.
    pub latency_uncorrected: Option<Histogram<u64>>,
    /// In an open loop from the intended start to the send, in nanoseconds; else
    /// `None`.
    pub schedule_lag: Option<Histogram<u64>>,
    /// See [`Results::connect_latency`], in nanoseconds.
    pub connect_latency: Option<Histogram<u64>>,
    /// See [`Results::under_load`].
    pub under_load: Option<UnderLoad>,
    /// See [`Results::precision`].
    pub precision: Option<Precision>,
    /// Of Poisson arrivals: gaps between sends on a connection, in units of their
    /// expected mean.
    pub gaps: Vec<f64>,
    /// Payload of correct replies, in bytes, and the same on the wire.
    pub payload_bytes: u64,
    /// See `payload_bytes`.
    pub wire_bytes: u64,
    /// Second by second.
    pub series: Vec<Second>,
    /// By kind.
    pub failures: BTreeMap<String, u64>,
    /// Connections to be opened.
    pub requested: u64,
    /// Connections that were opened.
    pub opened: u64,
    /// Those of them that have ended, by their index.
    pub connections: Vec<ConnectionOutcome>,
    /// Messages that were due and never sent.
    pub unsent: u64,
    /// The mean of the messages in flight in `in_flight_samples` samples of the
    /// window.
    pub in_flight: f64,
    /// See `in_flight`.
    pub in_flight_samples: u64,
    /// CPU time within the window.
    pub cpu: CpuTime,
    /// See [`Results::tcp`].
    pub tcp: Option<Tcp>,
    /// The slowest messages in any order, without their causes.
    pub slowest: Vec<SlowMessage>,
    /// Whether the server is on this host, by the addresses of both ends; `None`
    /// without a connection.
    pub is_same_host: Option<bool>,
}

/// The outcome of one connection. Messages of the warm-up are not counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct ConnectionOutcome {
    /// Messages sent.
    pub sent: u64,
    /// Correct replies, whenever they came.
    pub replies: u64,
    /// Correct replies within the window, whenever they were requested.
    pub replies_in_window: u64,
    /// Messages without any reply.
    pub unanswered: u64,
    /// Reads that brought something.
    pub reads: u64,
    /// Writes that sent something.
    pub writes: u64,
    /// Time that messages were in flight within the window, all together, in
    /// nanoseconds.
    pub in_flight_ns: u64,
    /// CPU time of its thread while it had something to send; `None` where the
    /// system does not say.
    pub cpu: Option<Duration>,
}

impl Part {
    /// A part with these latencies, in nanoseconds.
    #[must_use]
    pub fn of(elapsed: Duration, replies: u64, latencies: &Histogram<u64>) -> Self {
        Self {
            elapsed_s: elapsed.as_secs_f64(),
            throughput: proto::qps::rate(replies, elapsed),
            latency: distribution(latencies),
        }
    }
}

/// CPU time within the window; `None` where the system does not say.
#[derive(Clone, Copy, Debug, Default)]
pub struct CpuTime {
    /// CPUs that the load's threads may run on.
    pub cpus: u64,
    /// Of the thread that starts, samples and ends connections, and of those of the
    /// load beside them.
    pub conductor: Option<Duration>,
    /// Of the whole process.
    pub process: Option<Duration>,
    /// The busy share of all CPUs, by all processes.
    pub machine_utilization: Option<f64>,
}

impl LoadOutcome {
    /// Puts the results together: figures, then expectations, then the verdict.
    #[must_use]
    pub fn into_results(
        mut self,
        address: String,
        arguments: Arguments,
        machine: Machine,
        rank: RankLine,
        noise_floor: Option<NoiseFloor>,
        expect: &[Expect],
    ) -> Results {
        let messages = self.messages();
        attribute(&mut self.slowest);
        let mut results = Results {
            schema: SCHEMA,
            started: rfc3339(self.started),
            target: Target {
                address,
                same_host: self.is_same_host,
            },
            cpu: self.cpu(arguments.with_server),
            noise_floor,
            interrupted: self.interrupted,
            elapsed_s: self.elapsed.as_secs_f64(),
            connections: self.connections(),
            throughput: proto::qps::rate(messages.replies_in_window, self.elapsed),
            messages,
            latency: distribution(&self.latency),
            latency_uncorrected: self.latency_uncorrected.as_ref().map(distribution),
            schedule_lag: self.schedule_lag.as_ref().map(distribution),
            connect_latency: self.connect_latency.as_ref().map(distribution),
            in_flight: self.in_flight(),
            arrivals: Fit::exponential(self.gaps),
            precision: self.precision,
            under_load: self.under_load,
            tcp: self.tcp,
            slowest: self.slowest,
            ranks: Vec::new(),
            slices: self.slices,
            series: self.series,
            failures: self.failures,
            expectations: Vec::new(),
            verdict: Verdict::default(),
            arguments,
            machine,
        };
        judge(&mut results, expect, &self.latency, Vec::new());
        let rank = RankLine {
            start: instant(self.measured_from),
            ..rank
        };
        results.ranks = vec![rank.with_figures(&results)];
        results
    }

    fn sum(&self, count: impl Fn(&ConnectionOutcome) -> u64) -> u64 {
        self.connections.iter().map(count).sum()
    }

    fn messages(&self) -> Messages {
        Messages {
            sent: self.sum(|each| each.sent),
            replies: self.sum(|each| each.replies),
            replies_in_window: self.sum(|each| each.replies_in_window),
            unanswered: self.sum(|each| each.unanswered),
            unsent: self.unsent,
            payload_bytes: self.payload_bytes,
            wire_bytes: self.wire_bytes,
            reads: self.sum(|each| each.reads),
            writes: self.sum(|each| each.writes),
        }
    }

    fn connections(&self) -> Connections {
        let replies = |each: &ConnectionOutcome| each.replies_in_window;
        let idle = self.connections.iter().filter(|each| each.sent == 0);
        let mut connections = Connections {
            requested: self.requested,
            opened: self.opened,
            idle: idle.count() as u64,
            replies: self.connections.iter().map(replies).collect(),
            ..Connections::default()
        };
        connections.spread();
        connections
    }

    fn in_flight(&self) -> InFlight {
        let elapsed_ns = self.elapsed.as_nanos() as f64;
        InFlight {
            sampled_mean: self.in_flight,
            samples: self.in_flight_samples,
            latency_mean: ratio(self.sum(|each| each.in_flight_ns) as f64, elapsed_ns),
        }
    }

    fn cpu(&self, with_server: bool) -> Cpu {
        let threads = || self.connections.iter().filter_map(|each| each.cpu);
        let busiest = threads().max().unwrap_or_default();
        let client = threads().sum::<Duration>() + self.cpu.conductor.unwrap_or_default();
        // The rest of the process are the server's threads. A system whose clocks
        // disagree does not say.
        let process = self.cpu.process;
        let server = process
            .and_then(|process| process.checked_sub(client))
            .filter(|rest| with_server && !rest.is_zero());
        let client = process.filter(|_| !with_server).unwrap_or(client);
        let elapsed_s = self.elapsed.as_secs_f64();
        Cpu {
            client_cpu_s: client.as_secs_f64(),
            server_cpu_s: server.map(|server| server.as_secs_f64()),
            client_cpus: self.cpu.cpus,
            client_utilization: ratio(client.as_secs_f64(), elapsed_s * self.cpu.cpus as f64),
            busiest_thread_utilization: ratio(busiest.as_secs_f64(), elapsed_s),
            machine_utilization: self.cpu.machine_utilization,
        }
    }
}

/// Checks the expectations, and then the whole run. One that expects a valid run
/// needs the verdict, which in turn needs the others.
///
/// `reasons` are those that are not in the figures.
pub(crate) fn judge(
    results: &mut Results,
    expect: &[Expect],
    latency: &Histogram<u64>,
    reasons: Vec<String>,
) {
    let check = |results: &Results| {
        let expect = expect.iter();
        expect.map(|each| each.check(results, latency)).collect()
    };
    results.expectations = check(results);
    results.verdict = verdict::verdict(results);
    results.verdict.reasons.splice(0..0, reasons);
    results.verdict.valid = results.verdict.reasons.is_empty();
    results.expectations = check(results);
}

impl Connections {
    /// Finds out how evenly they were served, by the replies of each. Those that
    /// were idle have none.
    pub(crate) fn spread(&mut self) {
        let mut busy = self.replies.clone();
        busy.sort_unstable();
        let idle = usize::try_from(self.idle).unwrap_or(usize::MAX);
        busy.drain(..idle.min(busy.len()));
        self.replies_min = busy.first().copied().unwrap_or(0);
        self.replies_median = busy.get(busy.len() / 2).copied().unwrap_or(0);
        self.replies_max = busy.last().copied().unwrap_or(0);
        self.jain_fairness = jain_fairness(&busy);
    }
}

/// Jain's fairness index (Jain, Chiu and Hawe, 1984): the square of the sum over
/// n times the sum of the squares.
fn jain_fairness(shares: &[u64]) -> f64 {
    let sum: f64 = shares.iter().map(|share| *share as f64).sum();
    let squares: f64 = shares.iter().map(|share| (*share as f64).powi(2)).sum();
    if squares > 0.0 {
        sum * sum / (shares.len() as f64 * squares)
    } else {
        1.0
    }
}

/// Zero of nothing.
fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

#[cfg(test)]
#[allow(clippy::float_cmp, clippy::unwrap_used)]
mod tests {
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

    /// Each figure is another one.
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
    fn fairness_is_jains() {
        assert_eq!(jain_fairness(&[7, 7, 7]), 1.0);
        assert_eq!(jain_fairness(&[9, 0, 0]), 1.0 / 3.0);
        assert_eq!(jain_fairness(&[1, 1, 2, 2]), 0.9);
        assert_eq!(jain_fairness(&[]), 1.0);
        assert_eq!(jain_fairness(&[0, 0]), 1.0);
    }

    #[test]
    fn the_conductor_is_the_clients_and_the_rest_the_servers() {
        let seconds = Duration::from_secs;
        let mut outcome = outcome();
        for (connection, cpu) in outcome.connections.iter_mut().zip([2, 0, 1]) {
            connection.cpu = Some(seconds(cpu));
        }
        outcome.cpu = CpuTime {
            cpus: 2,
            conductor: Some(seconds(1)),
            process: Some(seconds(10)),
            machine_utilization: Some(0.75),
        };
        let embedded = outcome.cpu(true);
        assert_eq!(
            (embedded.client_cpu_s, embedded.server_cpu_s),
            (4.0, Some(6.0))
        );
        assert_eq!(embedded.client_utilization, 0.5);
        assert_eq!(embedded.busiest_thread_utilization, 0.5);
        assert_eq!(embedded.machine_utilization, Some(0.75));
        let apart = outcome.cpu(false);
        assert_eq!((apart.client_cpu_s, apart.server_cpu_s), (10.0, None));
        assert_eq!(apart.client_utilization, 1.25);

        // Clocks that disagree, or that there are not.
        outcome.cpu.process = Some(seconds(4));
        assert_eq!(outcome.cpu(true).server_cpu_s, None);
        outcome.cpu.process = Some(seconds(3));
        assert_eq!(outcome.cpu(true).server_cpu_s, None);
        (outcome.cpu.process, outcome.cpu.conductor) = (None, None);
        assert_eq!(outcome.cpu(false).client_cpu_s, 3.0);
        outcome.elapsed = Duration::ZERO;
        let unmeasured = outcome.cpu(false);
        assert_eq!(unmeasured.client_utilization, 0.0);
        assert_eq!(unmeasured.busiest_thread_utilization, 0.0);
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
}
