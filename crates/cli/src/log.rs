//! Logs on stderr: written by the thread that logs, or by one of their own.

use std::{
    io::{self, Write},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use anstream::{AutoStream, ColorChoice};
use anyhow::{Context, Result};
use tracing::{Level, level_filters::LevelFilter};
use tracing_subscriber::{
    filter::Targets, fmt::MakeWriter, layer::SubscriberExt, util::SubscriberInitExt,
};

/// Most bytes of lines that wait to be written: some ten thousand lines.
const MAX_WAITING: usize = 1 << 20;

/// How long a program that ends waits for its last lines to be taken.
const LAST_LINES: Duration = Duration::from_millis(500);

/// Sends logs to stderr, from `info` on or, by `verbosity`, from `debug` (1)
/// or `trace` (2) on. Targets named in `quiet` only warn. `RUST_LOG`, when
/// set and valid, replaces all of that.
///
/// A line is written before the program goes on, so what a terminal shows is
/// in order; a stderr that is not drained holds the program up.
pub fn to_stderr(verbosity: u8, quiet: &[&str]) {
    init(verbosity, quiet, io::stderr);
}

/// The same for a program that must not wait: a thread does the writing. While
/// stderr is not drained, lines are dropped and counted.
///
/// # Errors
///
/// When there is no thread for it.
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
            loop {
                let (lines, lost) = queue.wait();
                // Nothing is left to do about a closed stderr.
                let _ = io::stderr().write_all(&lines);
                queue.written();
                if lost > 0 {
                    tracing::warn!("{lost} lines of the log dropped: stderr was not drained");
                }
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
        // As if it were not set; it would turn everything off.
        .filter(|directives| !directives.trim().is_empty())
        .and_then(|directives| directives.parse::<Targets>().ok())
        .unwrap_or_else(by_option);
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_ansi(has_color())
        .with_target(false)
        // Its report of a failed write would be another write to stderr,
        // and that one panics.
        .log_internal_errors(false);
    tracing_subscriber::registry()
        .with(filter)
        .with(layer)
        .init();
}

/// Whether stderr is a terminal with colors, and they are wanted: `NO_COLOR` and
/// `CLICOLOR` say so, and `TERM`.
fn has_color() -> bool {
    !matches!(AutoStream::choice(&io::stderr()), ColorChoice::Never)
}

/// A log that a thread writes. Dropped, it waits for the last lines, half a
/// second at most.
#[derive(Debug)]
#[must_use = "the last lines are lost without it"]
pub struct Log(Arc<LineQueue>);

impl Log {
    /// Writes a line as it is, without a time, unless the log is turned off.
    pub fn line(&self, line: &str) {
        if tracing::enabled!(Level::INFO) {
            self.0.push(format!("{line}\n").as_bytes());
        }
    }

    /// Waits until all lines are written, half a second at most.
    pub fn flush(&self) {
        self.0.wait_until_written(LAST_LINES);
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.flush();
    }
}

/// QueueWriter on their way to the thread that writes them.
#[derive(Debug, Default)]
struct LineQueue {
    waiting: Mutex<PendingLines>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct PendingLines {
    lines: Vec<u8>,
    /// QueueWriter for which there was no room, since the last were taken.
    lost: u64,
    /// Whether the thread has lines that it has not written yet.
    is_writing: bool,
}

impl LineQueue {
    /// Adds a line if there is room for it.
    fn push(&self, line: &[u8]) {
        let mut waiting = self.lock();
        if waiting.lines.len() + line.len() > MAX_WAITING {
            waiting.lost += 1;
            return;
        }
        waiting.lines.extend_from_slice(line);
        self.changed.notify_all();
    }

    /// Waits for lines; takes them all, and the number of those lost.
    fn wait(&self) -> (Vec<u8>, u64) {
        let mut waiting = self
            .changed
            .wait_while(self.lock(), |waiting| waiting.lines.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        waiting.is_writing = true;
        let lost = std::mem::take(&mut waiting.lost);
        (std::mem::take(&mut waiting.lines), lost)
    }

    /// Says that the lines taken are written.
    fn written(&self) {
        self.lock().is_writing = false;
        self.changed.notify_all();
    }

    /// Waits until all lines are written, or `timeout` has passed.
    fn wait_until_written(&self, timeout: Duration) {
        let is_busy = |waiting: &mut PendingLines| waiting.is_writing || !waiting.lines.is_empty();
        let _ = self
            .changed
            .wait_timeout_while(self.lock(), timeout, is_busy);
    }

    /// Nothing is left half done by a panic, so a poisoned lock is as good.
    fn lock(&self) -> MutexGuard<'_, PendingLines> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the subscriber writes each line, in one piece.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_beyond_the_limit_are_dropped_and_counted() {
        let queue = LineQueue::default();
        let line = [b'x'; 1024];
        for _ in 0..MAX_WAITING / 1024 + 3 {
            queue.push(&line);
        }
        // A short one would still fit, were there any room.
        queue.push(b"x");
        let (lines, lost) = queue.wait();
        assert_eq!((lines.len(), lost), (MAX_WAITING, 4));
        queue.push(b"room again");
        assert_eq!(queue.wait(), (b"room again".to_vec(), 0));
    }

    #[test]
    fn the_end_waits_for_the_last_lines_and_not_for_ever() {
        let queue = LineQueue::default();
        queue.wait_until_written(Duration::MAX);
        queue.push(b"last");
        queue.wait_until_written(Duration::from_millis(1));
        thread::scope(|scope| {
            scope.spawn(|| {
                let _ = queue.wait();
                queue.written();
            });
            queue.wait_until_written(Duration::MAX);
        });
        assert!(queue.lock().lines.is_empty());
    }
}
