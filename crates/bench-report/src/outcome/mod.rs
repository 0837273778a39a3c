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
        Arguments, Connections, InFlight, Machine, Messages, NoiseFloor, RankLine, Results, SCHEMA,
        Second, Slice, SlowMessage, Target, Tcp, UnderLoad, Verdict, attribute, instant,
    },
    statistics::{Fit, Precision, distribution},
    verdict,
};

mod connection;
mod cpu;

pub use connection::ConnectionOutcome;
pub use cpu::CpuTime;

/// The outcome of a load: counts and latencies, not judged yet.
#[derive(Clone, Debug)]
pub struct LoadOutcome {
    /// When the load began.
    pub started: SystemTime,
    /// When the measured window began.
    pub measured_from: SystemTime,
    /// See [`Results::slices`].
    pub slices: Vec<Slice>,
    /// See [`Results::interrupted`].
    pub interrupted: bool,
    /// The measured window: from the end of the warm-up to the end of the run.
    pub elapsed: Duration,
    /// See [`Results::latency`], in nanoseconds.
    pub latency: Histogram<u64>,
    /// See [`Results::latency_uncorrected`], in nanoseconds.
    pub latency_uncorrected: Option<Histogram<u64>>,
    /// See [`Results::schedule_lag`], in nanoseconds.
    pub schedule_lag: Option<Histogram<u64>>,
    /// See [`Results::connect_latency`], in nanoseconds.
    pub connect_latency: Option<Histogram<u64>>,
    /// See [`Results::under_load`].
    pub under_load: Option<UnderLoad>,
    /// See [`Results::precision`].
    pub precision: Option<Precision>,
    /// Gaps between sends on a connection, in units of their expected mean; empty
    /// without Poisson arrivals.
    pub gaps: Vec<f64>,
    /// Payload of correct replies, in bytes.
    pub payload_bytes: u64,
    /// The same on the wire.
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
    /// Messages in flight: the mean of `in_flight_samples` samples of the window.
    pub in_flight: f64,
    /// See `in_flight`.
    pub in_flight_samples: u64,
    /// CPU time within the window.
    pub cpu: CpuTime,
    /// See [`Results::tcp`].
    pub tcp: Option<Tcp>,
    /// The slowest messages in any order, without their causes.
    pub slowest: Vec<SlowMessage>,
    /// See [`Target::same_host`].
    pub is_same_host: Option<bool>,
}

impl LoadOutcome {
    /// Builds the results: figures, then expectations, then the verdict.
    #[must_use]
    pub fn into_results(
        self,
        address: String,
        arguments: Arguments,
        machine: Machine,
        rank: RankLine,
        noise_floor: Option<NoiseFloor>,
        expect: &[Expect],
    ) -> Results {
        let latency = self.latency.clone();
        let rank = RankLine {
            start: instant(self.measured_from),
            ..rank
        };
        let mut results = self.figures(address, arguments, machine, noise_floor);
        judge(&mut results, expect, &latency, Vec::new());
        results.ranks = vec![results.rank_line(rank)];
        results
    }

    /// The results, not judged yet and without a rank.
    fn figures(
        mut self,
        address: String,
        arguments: Arguments,
        machine: Machine,
        noise_floor: Option<NoiseFloor>,
    ) -> Results {
        let (elapsed, messages, connections) = (self.elapsed, self.messages(), self.connections());
        attribute(&mut self.slowest, self.is_same_host == Some(true));
        Results {
            schema: SCHEMA,
            started: rfc3339(self.started),
            target: Target {
                address,
                same_host: self.is_same_host,
            },
            cpu: (self.cpu).split(&self.connections, elapsed, arguments.with_server),
            noise_floor,
            interrupted: self.interrupted,
            elapsed_s: elapsed.as_secs_f64(),
            connections,
            throughput: proto::qps::rate(messages.replies_in_window, elapsed),
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
        }
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
        let mut connections = Connections {
            requested: self.requested,
            opened: self.opened,
            idle: self.sum(|each| u64::from(each.sent == 0)),
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
            latency_mean: cpu::ratio(self.sum(|each| each.in_flight_ns) as f64, elapsed_ns),
        }
    }
}

/// Checks the expectations, then the whole run, then the expectations again: one of
/// a valid run depends on the verdict, which in turn depends on the others.
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

#[cfg(test)]
#[allow(clippy::float_cmp, clippy::unwrap_used)]
mod tests;
