//! Logs on stderr: written by the logging thread, or by a writer thread.

mod line_queue;

use std::{
    fmt,
    io::{self, Write},
    sync::Arc,
    thread,
    time::{Duration, SystemTime},
};

use anyhow::{Context, Result};
use tracing::{Level, level_filters::LevelFilter};
use tracing_subscriber::{
    filter::Targets,
    fmt::{MakeWriter, format::Writer, time::FormatTime},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use transport::{WholeLines, stdio::Patient};

use crate::{format::plural, has_color};
use line_queue::LineQueue;

/// How long an ending program waits for its last lines to be written.
const LAST_LINES: Duration = Duration::from_millis(500);

/// Sends logs to stderr, from level `info` or, by `verbosity`, `debug` (1) or
/// `trace` (2). Targets in `quiet` log warnings only. `RUST_LOG`, if set and
/// valid, replaces all of that.
///
/// Each line is written before the program continues, so a terminal shows lines
/// in order; if stderr is not drained, the program blocks.
pub fn to_stderr(verbosity: u8, quiet: &[&str]) {
    init(verbosity, quiet, || Patient(io::stderr()));
}

/// Like [`to_stderr`], but a writer thread writes, so that the program never
/// blocks on stderr. Lines that cannot be written are dropped as a whole and
/// counted.
///
/// # Errors
///
/// When the thread cannot be started.
pub fn to_stderr_by_thread(verbosity: u8, quiet: &[&str]) -> Result<Log> {
    let queue = Arc::new(LineQueue::default());
    let log = Log(Arc::clone(&queue));
    let to_thread = Arc::clone(&queue);
    init(verbosity, quiet, move || {
        QueueWriter(Arc::clone(&to_thread))
    });
    let _detached = thread::Builder::new()
        .name("log".to_owned())
        .spawn(move || {
            let mut out = WholeLines::new(Patient(io::stderr()));
            let mut lost = 0;
            loop {
                let (lines, dropped) = queue.wait();
                let (failed, _) = out.write(&lines);
                lost += dropped + failed;
                if lost > 0 && failed == 0 {
                    let lines = plural(lost, "line");
                    tracing::warn!("{lines} of the log dropped: stderr was full or failed");
                    lost = 0;
                }
                queue.written();
            }
        })
        .context("cannot start the log thread")?;
    Ok(log)
}

fn init(
    verbosity: u8,
    quiet: &[&str],
    writer: impl for<'w> MakeWriter<'w> + Send + Sync + 'static,
) {
    let level = match verbosity {
        0 => Level::INFO,
        1 => Level::DEBUG,
        _ => Level::TRACE,
    };
    let by_option = || {
        Targets::new()
            .with_default(level)
            .with_targets(quiet.iter().map(|&target| (target, LevelFilter::WARN)))
    };
    let filter = std::env::var("RUST_LOG")
        .ok()
        // An empty value counts as unset; it would turn logging off.
        .filter(|directives| !directives.trim().is_empty())
        .and_then(|directives| directives.parse::<Targets>().ok())
        .unwrap_or_else(by_option);
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_ansi(has_color(&io::stderr()))
        .with_timer(Utc)
        .with_target(false)
        // It would report a failed write by another write to stderr, which
        // panics.
        .log_internal_errors(false);
    tracing_subscriber::registry()
        .with(filter)
        .with(layer)
        .init();
}

/// UTC to the millisecond: `2026-11-24T14:44:37.745Z`.
struct Utc;

impl FormatTime for Utc {
    fn format_time(&self, w: &mut Writer<'_>) -> fmt::Result {
        write!(w, "{}", humantime::format_rfc3339_millis(SystemTime::now()))
    }
}

/// A log with a writer thread. Dropping it waits for the last lines, at most
/// half a second.
#[derive(Debug)]
#[must_use = "dropping it early loses the last lines"]
pub struct Log(Arc<LineQueue>);

impl Log {
    /// Writes a line unchanged, without a timestamp, unless the log is off.
    pub fn line(&self, line: &str) {
        if tracing::enabled!(Level::INFO) {
            self.0.push(format!("{line}\n").as_bytes());
        }
    }

    /// Waits until all lines are written, at most half a second.
    pub fn flush(&self) {
        self.0.wait_until_written(LAST_LINES);
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.flush();
    }
}

/// The subscriber's writer; it writes each line in one call.
struct QueueWriter(Arc<LineQueue>);

impl Write for QueueWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
