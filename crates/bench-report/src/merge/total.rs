//! Adds results up, a file after the other: what is kept is one set of histograms,
//! and a line for each rank.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use hdrhistogram::Histogram;

use super::{cpus, window::CommonWindow};
use crate::{
    results::{Connections, NoiseFloor, RankLine, Results, Second, Slice, Tcp, TcpEnd},
    statistics::{decode, distribution, encode},
};

/// The slowest messages that are kept, as of a run.
const SLOWEST: usize = 20;

/// Entries of the series for each second: the warm-up may end between two.
const ENTRIES_PER_S: f64 = 10.0;

pub(super) struct Total {
    /// The first ones, to which the others are added.
    results: Results,
    samples: Samples,
    /// By their time since the first load began, in tenths of a second.
    series: BTreeMap<i64, Second>,
}

/// The samples inside the window.
struct Samples {
    latency: Histogram<u64>,
    uncorrected: Option<Histogram<u64>>,
    lag: Option<Histogram<u64>>,
    replies: u64,
    throughput: f64,
}

impl Total {
    pub(super) fn new(mut results: Results, window: &CommonWindow) -> Result<Self> {
        let mut samples = Samples::new()?;
        samples.add(&results.slices, window)?;
        results.slices.clear();
        number_connections(&mut results);
        let mut series = BTreeMap::new();
        let started = results.started.clone();
        add_series(&mut series, &results, &started);
        Ok(Self {
            results,
            samples,
            series,
        })
    }

    pub(super) fn add(&mut self, mut more: Results, window: &CommonWindow) -> Result<()> {
        self.samples.add(&more.slices, window)?;
        number_connections(&mut more);
        add_series(&mut self.series, &more, &self.results.started);
        let all = &mut self.results;
        all.interrupted |= more.interrupted;
        all.target.same_host = all.target.same_host.max(more.target.same_host);
        add_messages(all, &more);
        add_machine(all, &more);
        // Distributions without samples do not add up.
        (all.connect_latency, all.arrivals) = (None, None);
        (all.precision, all.under_load) = (None, None);
        all.tcp = match (all.tcp.take(), more.tcp) {
            (Some(all), Some(more)) => Some(both_tcp(all, more)),
            _ => None,
        };
        add_connections(&mut all.connections, more.connections);
        all.slowest.extend(more.slowest);
        all.slowest
            .sort_by(|a, b| b.latency_us.total_cmp(&a.latency_us));
        all.slowest.truncate(SLOWEST);
        for (kind, count) in more.failures {
            add(all.failures.entry(kind).or_insert(0), count);
        }
        all.ranks.extend(more.ranks);
        Ok(())
    }

    /// The results, not judged yet, and their latencies.
    pub(super) fn finish(mut self, window: &CommonWindow) -> (Results, Histogram<u64>) {
        let samples = self.samples;
        let results = &mut self.results;
        results.elapsed_s = window.length_s();
        results.throughput = samples.throughput;
        results.messages.replies_in_window = samples.replies;
        results.latency = distribution(&samples.latency);
        results.latency_uncorrected = samples.uncorrected.as_ref().map(distribution);
        results.schedule_lag = samples.lag.as_ref().map(distribution);
        results.connections.spread();
        results.ranks.sort_by_key(|line| line.rank);
        if results.ranks.len() > 1 {
            share_cpus(results);
        }
        // Percentiles of parts do not add up to one of the whole.
        results.series = self.series.into_values().collect();
        if results.ranks.len() > 1 {
            for second in &mut results.series {
                (second.p50_us, second.p99_us) = (None, None);
            }
        }
        results.slices = vec![Slice {
            start_unix_s: window.start_s,
            length_s: window.length_s(),
            replies: samples.replies,
            latency: encode(&samples.latency),
            latency_uncorrected: samples.uncorrected.as_ref().map(encode),
            schedule_lag: samples.lag.as_ref().map(encode),
        }];
        (self.results, samples.latency)
    }
}

impl Samples {
    fn new() -> Result<Self> {
        Ok(Self {
            latency: histogram()?,
            uncorrected: None,
            lag: None,
            replies: 0,
            throughput: 0.0,
        })
    }

    /// Adds those of a file that are inside `window`.
    fn add(&mut self, slices: &[Slice], window: &CommonWindow) -> Result<()> {
        let (mut replies, mut length_s) = (0, 0.0);
        for slice in slices {
            if !window.has(slice.start_unix_s, slice.length_s) {
                continue;
            }
            self.latency.add(decode(&slice.latency)?)?;
            add_encoded(&mut self.uncorrected, slice.latency_uncorrected.as_deref())?;
            add_encoded(&mut self.lag, slice.schedule_lag.as_deref())?;
            add(&mut replies, slice.replies);
            length_s += slice.length_s;
        }
        if length_s > 0.0 {
            self.throughput += replies as f64 / length_s;
        }
        add(&mut self.replies, replies);
        Ok(())
    }
}

fn add_encoded(all: &mut Option<Histogram<u64>>, more: Option<&str>) -> Result<()> {
    let Some(more) = more else {
        return Ok(());
    };
    // One that was decoded does not grow.
    let mut sum = match all.take() {
        Some(sum) => sum,
        None => histogram()?,
    };
    sum.add(decode(more)?)?;
    *all = Some(sum);
    Ok(())
}

/// One that grows as needed.
fn histogram() -> Result<Histogram<u64>> {
    let mut histogram = Histogram::new(3).context("no histogram")?;
    histogram.auto(true);
    Ok(histogram)
}

/// Gives the slowest messages of one rank the numbers that its connections have
/// among those of all ranks.
fn number_connections(results: &mut Results) {
    let ranks = results.arguments.ranks;
    if let [line] = results.ranks.as_slice() {
        for message in &mut results.slowest {
            let first = message.connection.saturating_mul(ranks);
            message.connection = first.saturating_add(line.rank);
        }
    }
}

fn add_messages(all: &mut Results, more: &Results) {
    let (sum, more_messages) = (&mut all.messages, &more.messages);
    add(&mut sum.sent, more_messages.sent);
    add(&mut sum.replies, more_messages.replies);
    add(&mut sum.unanswered, more_messages.unanswered);
    add(&mut sum.unsent, more_messages.unsent);
    add(&mut sum.payload_bytes, more_messages.payload_bytes);
    add(&mut sum.wire_bytes, more_messages.wire_bytes);
    add(&mut sum.reads, more_messages.reads);
    add(&mut sum.writes, more_messages.writes);
    let (sum, more) = (&mut all.in_flight, &more.in_flight);
    sum.sampled_mean += more.sampled_mean;
    sum.latency_mean += more.latency_mean;
    sum.samples = sum.samples.min(more.samples);
}

fn add_connections(sum: &mut Connections, more: Connections) {
    add(&mut sum.requested, more.requested);
    add(&mut sum.opened, more.opened);
    add(&mut sum.idle, more.idle);
    sum.replies.extend(more.replies);
}

/// What is too much for any file is refused at the end, and does not overflow before.
fn add(sum: &mut u64, more: u64) {
    *sum = sum.saturating_add(more);
}

/// CPU time adds up; of the rest the worst counts. CPUs are counted at the end.
fn add_machine(all: &mut Results, more: &Results) {
    let (sum, more_cpu) = (&mut all.cpu, &more.cpu);
    sum.client_cpu_s += more_cpu.client_cpu_s;
    sum.server_cpu_s = match (sum.server_cpu_s, more_cpu.server_cpu_s) {
        (Some(a), Some(b)) => Some(a + b),
        _ => None,
    };
    sum.busiest_thread_utilization = sum
        .busiest_thread_utilization
        .max(more_cpu.busiest_thread_utilization);
    sum.machine_utilization = match (sum.machine_utilization, more_cpu.machine_utilization) {
        (Some(a), Some(b)) => Some(a.max(b)),
        _ => None,
    };
    for (name, more_name) in [
        (&mut all.machine.kernel, &more.machine.kernel),
        (&mut all.machine.cpu_model, &more.machine.cpu_model),
    ] {
        if name != more_name {
            *name = None;
        }
    }
    all.noise_floor = match (all.noise_floor.take(), &more.noise_floor) {
        (Some(a), Some(b)) => Some(worst(&a, b)),
        _ => None,
    };
}

/// Counts the CPUs of each host once, and what all ranks used of them.
fn share_cpus(results: &mut Results) {
    let used = |line: &RankLine| line.client_utilization * line.cpus as f64;
    let used: f64 = results.ranks.iter().map(used).sum();
    let cpus = cpus::count(&results.ranks);
    results.cpu.client_cpus = cpus;
    results.cpu.client_utilization = used / cpus.max(1) as f64;
    results.machine.cpus = cpus;
}

fn worst(a: &NoiseFloor, b: &NoiseFloor) -> NoiseFloor {
    NoiseFloor {
        clock_us: a.clock_us.max(b.clock_us),
        timer_overshoot_p50_us: a.timer_overshoot_p50_us.max(b.timer_overshoot_p50_us),
        timer_overshoot_p99_us: a.timer_overshoot_p99_us.max(b.timer_overshoot_p99_us),
        thread_wakeup_p50_us: a.thread_wakeup_p50_us.max(b.thread_wakeup_p50_us),
        thread_wakeup_p99_us: a.thread_wakeup_p99_us.max(b.thread_wakeup_p99_us),
    }
}

fn both_tcp(all: Tcp, more: Tcp) -> Tcp {
    Tcp {
        client: both_ends(all.client, more.client),
        server: match (all.server, more.server) {
            (Some(a), Some(b)) => Some(both_ends(a, b)),
            _ => None,
        },
    }
}

/// Counts add up; medians do not.
fn both_ends(mut sum: TcpEnd, more: TcpEnd) -> TcpEnd {
    add(&mut sum.connections, more.connections);
    add(&mut sum.retransmitted, more.retransmitted);
    add(&mut sum.spurious, more.spurious);
    add(&mut sum.segments_out, more.segments_out);
    add(&mut sum.segments_in, more.segments_in);
    add(&mut sum.data_segments_out, more.data_segments_out);
    add(&mut sum.data_segments_in, more.data_segments_in);
    (sum.start, sum.end) = (None, None);
    sum.retransmitted_by_connection
        .extend(more.retransmitted_by_connection);
    sum
}

/// Adds the series of a load to that of one that began at `first`: whole seconds
/// apart, for the rest is less than an entry.
fn add_series(series: &mut BTreeMap<i64, Second>, more: &Results, first: &str) {
    let unix_s = |text: &str| {
        let time = humantime::parse_rfc3339(text).ok()?;
        Some(
            time.duration_since(std::time::UNIX_EPOCH)
                .ok()?
                .as_secs_f64(),
        )
    };
    let shift_s = unix_s(&more.started).zip(unix_s(first));
    let shift_s = shift_s.map_or(0.0, |(more, first)| (more - first).round());
    for second in &more.series {
        let elapsed_s = second.elapsed_s + shift_s;
        #[allow(clippy::cast_possible_truncation)] // saturates
        let entry = (elapsed_s * ENTRIES_PER_S).round() as i64;
        let sum = series.entry(entry).or_insert(Second {
            elapsed_s,
            throughput: 0.0,
            max_us: None,
            in_flight: 0,
            failures: 0,
            ..*second
        });
        sum.throughput += second.throughput;
        sum.max_us = match (sum.max_us, second.max_us) {
            (Some(a), Some(b)) => Some(a.max(b)),
            (a, b) => a.or(b),
        };
        add(&mut sum.in_flight, second.in_flight);
        add(&mut sum.failures, second.failures);
        sum.warmup &= second.warmup;
    }
}
