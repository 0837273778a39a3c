//! The thread that reports once per second. A blocking output delays only this
//! thread.

use std::{
    sync::{
        Arc,
        mpsc::{self, Receiver, Sender},
    },
    thread,
    time::{Duration, Instant},
};

use proto::qps;

use crate::{Error, registry::Registry, stats::Stats, stats_writer::StatsWriter};

/// Time between two reports.
const INTERVAL: Duration = Duration::from_secs(1);

/// How long a stopping server waits for the last report.
const LAST_REPORT: Duration = Duration::from_millis(500);

pub(crate) struct Reporter {
    /// Closed when the thread has ended.
    ended: Receiver<()>,
}

impl Reporter {
    /// Reports until [`Registry::end`].
    pub(crate) fn spawn(
        registry: Arc<Registry>,
        stats: Option<StatsWriter>,
    ) -> Result<Self, Error> {
        let (running, ended) = mpsc::channel();
        let _detached = thread::Builder::new()
            .name("reporter".to_owned())
            .spawn(move || {
                let _running: Sender<()> = running;
                report(&registry, stats);
            })
            .map_err(Error::system("start the reporter thread"))?;
        Ok(Self { ended })
    }

    /// Waits for the last report, for a limited time.
    pub(crate) fn wait(self) {
        let _ = self.ended.recv_timeout(LAST_REPORT);
    }
}

fn report(registry: &Registry, mut writer: Option<StatsWriter>) {
    let mut report = Report::new();
    loop {
        let is_last = registry.wait_for_end(INTERVAL);
        let stats = report.make(registry);
        if let Some(writer) = &mut writer {
            writer.write(&stats);
        }
        if is_last {
            return;
        }
        report.say(&stats);
        let has_warnings = registry.warnings.flush(Instant::now());
        let is_idle = stats.live == 0 && stats.qps == 0.0 && !has_warnings;
        if is_idle && writer.is_none() {
            // Sleep until the first connection.
            registry.wait_for_first();
            report = Report::since_now(&stats);
        }
    }
}

struct Report {
    since: Instant,
    frames: u64,
    bytes: u64,
    /// Frames and bytes per second, of the last interval.
    rates: (f64, f64),
}

impl Report {
    fn new() -> Self {
        Self::since_now(&Stats::default())
    }

    fn since_now(stats: &Stats) -> Self {
        Self {
            since: Instant::now(),
            frames: stats.traffic.frames,
            bytes: stats.traffic.bytes,
            rates: (0.0, 0.0),
        }
    }

    /// Takes the statistics, with rates since the last call.
    fn make(&mut self, registry: &Registry) -> Stats {
        let stats = registry.stats();
        let elapsed = self.since.elapsed();
        let (frames, bytes) = (stats.traffic.frames, stats.traffic.bytes);
        let qps = qps::rate(frames - self.frames, elapsed);
        *self = Self {
            since: self.since + elapsed,
            frames,
            bytes,
            rates: (qps, qps::rate(bytes - self.bytes, elapsed)),
        };
        registry.set_qps(qps);
        Stats { qps, ..stats }
    }

    /// Logs the last interval, if it had traffic.
    fn say(&self, stats: &Stats) {
        let (qps, bytes) = self.rates;
        if qps > 0.0 {
            let s = if stats.live == 1 { "" } else { "s" };
            tracing::info!(
                "Queries Per Second: {qps:.0} ({} connection{s}, {:.2} MB/s)",
                stats.live,
                bytes / 1e6,
            );
        }
    }
}
