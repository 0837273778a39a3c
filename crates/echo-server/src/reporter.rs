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

use crate::{
    Error, Traffic, registry::Registry, stats::Stats, stats_writer::StatsWriter, units::connections,
};

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
    let (mut since, mut before) = (Instant::now(), Traffic::default());
    loop {
        let is_last = registry.wait_for_end(INTERVAL);
        let (stats, now) = (registry.stats(), Instant::now());
        let per_second = |count: fn(&Traffic) -> u64| {
            qps::rate(count(&stats.traffic) - count(&before), now - since)
        };
        let bytes = per_second(|traffic| traffic.bytes);
        let qps = per_second(|traffic| traffic.frames);
        let stats = Stats { qps, ..stats };
        (since, before) = (now, stats.traffic);
        registry.set_qps(qps);
        if let Some(writer) = &mut writer {
            writer.write(&stats);
        }
        if is_last {
            return;
        }
        if qps > 0.0 {
            log(&stats, bytes);
        }
        let has_warnings = registry.warnings.flush(now);
        let is_idle = stats.live == 0 && qps == 0.0 && !has_warnings;
        if is_idle && writer.is_none() {
            registry.wait_for_first();
            since = Instant::now();
        }
    }
}

/// Logs an interval with traffic.
fn log(stats: &Stats, bytes_per_second: f64) {
    tracing::info!(
        "Queries Per Second: {:.0} ({}, {:.2} MB/s)",
        stats.qps,
        connections(stats.live),
        bytes_per_second / 1e6,
    );
}
