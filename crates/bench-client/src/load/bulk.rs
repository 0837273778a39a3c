//! `--load`: connections that stream bulk frames beside those that are measured,
//! in the second half of the run.

use std::{
    net::Shutdown,
    sync::{
        Arc,
        atomic::Ordering,
        mpsc::{self, Receiver},
    },
    time::{Duration, Instant},
};

use bench_report::results::{Part, UnderLoad};
use hdrhistogram::Histogram;

use super::{
    Failures, Link, Reports, Shared, ThreadReport,
    clock::{Clock, nanos},
    drive,
    failure::{Failure, dial_failure},
    measured::histogram,
    recorder::Interval,
    spawn,
};
use crate::plan::{BULK_BYTES, RunPlan};

/// How long the load may take to end.
const PATIENCE: Duration = Duration::from_secs(1);

/// The load, and what was measured without it and with it.
pub(super) struct Bulk {
    shared: Arc<Shared>,
    inbox: Receiver<ThreadReport>,
    links: Vec<Arc<Link>>,
    running: u64,
    failures: Failures,
    /// Of its threads, in the loaded part.
    cpu: Duration,
    /// When each part ends, since the load began.
    edges_ns: [u64; 3],
    /// Idle, the first moments of the load, and the loaded rest.
    parts: [Measurement; 3],
    current: usize,
}

struct Measurement {
    length: Duration,
    replies: u64,
    latencies: Histogram<u64>,
}

impl Bulk {
    /// Opens the connections of the load, if one was requested. They wait for their
    /// part of the run.
    pub(super) fn open(plan: &RunPlan) -> Option<Self> {
        let [idle, start] = plan.load_edges()?;
        let (connections, bulk) = (plan.rank.share(plan.arguments.load?), plan.bulk()?);
        let shared = Arc::new(Shared::new(&bulk));
        let (to_conductor, inbox) = mpsc::channel();
        let mut failures = Failures::default();
        let mut running = 0;
        for index in 0..connections {
            // Their messages are not taken for those of the others.
            let index = plan.connections() + index;
            let reports = Reports::new(&to_conductor, index);
            let shared = Arc::clone(&shared);
            if spawn(move || drive(index, &shared, reports)) {
                running += 1;
            } else {
                failures.add(Failure::Thread);
            }
        }
        Some(Self {
            shared,
            inbox,
            links: Vec::new(),
            running,
            failures,
            cpu: Duration::ZERO,
            edges_ns: [nanos(idle), nanos(start), u64::MAX],
            parts: std::array::from_fn(|_| Measurement {
                length: Duration::ZERO,
                replies: 0,
                latencies: histogram(),
            }),
            current: 0,
        })
    }

    /// Begins and ends `by_ns` later, as a run does whose start is late.
    pub(super) fn delay(&mut self, by_ns: u64) {
        self.edges_ns = self.edges_ns.map(|edge_ns| edge_ns.saturating_add(by_ns));
        let window = &self.shared.window;
        window.delay(window.start_ns().saturating_add(by_ns));
    }

    /// When the current part ends.
    pub(super) fn edge_ns(&self) -> u64 {
        let edge_ns = self.edges_ns.get(self.current);
        edge_ns.copied().unwrap_or(u64::MAX)
    }

    /// Takes what came in the last `length` of the current part.
    pub(super) fn take(&mut self, length: Duration, interval: &Interval) {
        if let Some(part) = self.parts.get_mut(self.current) {
            part.length += length;
            part.replies += interval.inside;
            // It grows as needed, so adding cannot fail.
            let _ = part.latencies.add(interval.measured.latency());
        }
    }

    /// Goes on to the next part, if the current one is over. The load begins with the
    /// second.
    pub(super) fn pass(&mut self, clock: Clock, now_ns: u64) {
        if now_ns >= self.edge_ns() {
            self.current += 1;
            self.shared.gate.open(clock);
        }
    }

    /// Ends the load; returns its figures and its CPU time.
    pub(super) fn finish(mut self, end_ns: u64) -> (UnderLoad, Duration) {
        self.shared.window.end(end_ns);
        self.shared.gate.close();
        self.wait_for_threads();
        self.shared.is_abandoned.store(true, Ordering::Relaxed);
        for link in &self.links {
            let _ = link.stream.shutdown(Shutdown::Both);
        }
        let mut moved = Interval::new(false);
        for shard in &self.shared.shards {
            shard.drain_into(&mut moved);
        }
        let [idle, _, loaded] = &self.parts;
        let part = |each: &Measurement| Part::of(each.length, each.replies, &each.latencies);
        let length_s = loaded.length.as_secs_f64();
        let bytes = moved.inside as f64 * BULK_BYTES as f64;
        let under_load = UnderLoad {
            requested: self.shared.plan.connections(),
            opened: self.links.len() as u64,
            frame_bytes: BULK_BYTES,
            bytes_per_s: if length_s > 0.0 {
                bytes / length_s
            } else {
                0.0
            },
            failures: self.failures.by_name(),
            idle: part(idle),
            loaded: (length_s > 0.0).then(|| part(loaded)),
        };
        (under_load, self.cpu)
    }

    /// Takes their reports, for [`PATIENCE`] at most.
    fn wait_for_threads(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while self.running > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.inbox.recv_timeout(left) {
                Ok(ThreadReport::Opened(Ok(link))) => self.links.push(link),
                Ok(ThreadReport::Opened(Err(error))) => {
                    self.failures.add(dial_failure(&error));
                    self.running -= 1;
                }
                Ok(ThreadReport::Reopened(_)) => {}
                Ok(ThreadReport::Done(done)) => {
                    self.failures = self.failures.plus(&done.failures);
                    self.cpu += done.tally.cpu.unwrap_or_default();
                    self.running -= 1;
                }
                Err(_) => break,
            }
        }
    }
}
