//! Logs on stderr: written by the logging thread, or by a writer thread.

use std::{
    fmt,
    io::{self, Write},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
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

use transport::stdio::Patient;

use crate::{format::plural, has_color};

/// Maximum bytes of lines that wait to be written: some ten thousand lines.
const MAX_WAITING: usize = 1 << 20;

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
                let failed = out.write(&lines);
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

/// Lines queued for the writer thread.
#[derive(Debug, Default)]
struct LineQueue {
    waiting: Mutex<PendingLines>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct PendingLines {
    lines: Vec<u8>,
    /// Lines dropped for lack of room since the last take.
    lost: u64,
    /// Whether the writer thread has lines that are not written yet.
    is_writing: bool,
}

impl LineQueue {
    /// Queues a line if there is room.
    fn push(&self, line: &[u8]) {
        let mut waiting = self.lock();
        if waiting.lines.len() + line.len() > MAX_WAITING {
            waiting.lost += 1;
            return;
        }
        waiting.lines.extend_from_slice(line);
        self.changed.notify_all();
    }

    /// Waits for lines; takes them all, and the number of dropped ones.
    fn wait(&self) -> (Vec<u8>, u64) {
        let mut waiting = self
            .changed
            .wait_while(self.lock(), |waiting| waiting.lines.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        waiting.is_writing = true;
        let lost = std::mem::take(&mut waiting.lost);
        (std::mem::take(&mut waiting.lines), lost)
    }

    /// Marks the taken lines as written.
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

    /// A panic leaves no partial update, so a poisoned lock is usable.
    fn lock(&self) -> MutexGuard<'_, PendingLines> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes whole lines or none: after a partial write, the rest of the line is
/// written before anything else.
struct WholeLines<W> {
    out: W,
    /// The unwritten rest of a partly written line.
    rest: Vec<u8>,
}

impl<W: Write> WholeLines<W> {
    const fn new(out: W) -> Self {
        Self {
            out,
            rest: Vec::new(),
        }
    }

    /// Returns how many lines were dropped.
    fn write(&mut self, lines: &[u8]) -> u64 {
        let rest = std::mem::take(&mut self.rest);
        let written = write_most(&mut self.out, &rest);
        if let Some(rest) = rest.get(written..).filter(|rest| !rest.is_empty()) {
            self.rest = rest.to_vec();
            return count(lines);
        }
        let written = write_most(&mut self.out, lines);
        let (done, mut left) = lines.split_at(written);
        if done.last().is_some_and(|&last| last != b'\n') {
            let end = left.iter().position(|&byte| byte == b'\n');
            let (rest, after) = left.split_at(end.map_or(left.len(), |end| end + 1));
            self.rest = rest.to_vec();
            left = after;
        }
        count(left)
    }
}

fn count(lines: &[u8]) -> u64 {
    lines.split_inclusive(|&byte| byte == b'\n').count() as u64
}

/// Writes until an error; returns the number of bytes written.
fn write_most(out: &mut impl Write, bytes: &[u8]) -> usize {
    let mut written = 0;
    while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
        match out.write(rest) {
            Ok(n) if n > 0 => written = bytes.len().min(written + n),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            _ => break,
        }
    }
    written
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_without_room_are_dropped_and_counted() {
        let queue = LineQueue::default();
        let line = [b'x'; 1024];
        for _ in 0..MAX_WAITING / 1024 + 3 {
            queue.push(&line);
        }
        // A short line is dropped too: the queue is full.
        queue.push(b"x");
        let (lines, lost) = queue.wait();
        assert_eq!((lines.len(), lost), (MAX_WAITING, 4));
        queue.push(b"room again");
        assert_eq!(queue.wait(), (b"room again".to_vec(), 0));
    }

    /// Accepts this many bytes per write, or fails for 0.
    struct Takes<'a>(&'a mut Vec<u8>, &'a [usize]);

    impl Write for Takes<'_> {
        fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
            match self.1.split_first() {
                Some((0, rest)) => {
                    self.1 = rest;
                    Err(io::ErrorKind::StorageFull.into())
                }
                Some((&most, rest)) => {
                    self.1 = rest;
                    let n = buf.len().min(most);
                    self.0.extend_from_slice(buf.get(..n).unwrap_or_default());
                    Ok(n)
                }
                None => {
                    self.0.extend_from_slice(buf);
                    Ok(buf.len())
                }
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_are_dropped_as_a_whole_and_counted() {
        for (takes, lost, said) in [
            (&[][..], [0, 0, 0], "one\ntwo\nthree\nfour\n"),
            (&[0], [2, 0, 0], "three\nfour\n"),
            (&[4, 0], [1, 0, 0], "one\nthree\nfour\n"),
            (&[3, 0], [1, 0, 0], "one\nthree\nfour\n"),
            (&[1, 5, 0], [0, 0, 0], "one\ntwo\nthree\nfour\n"),
            (&[6, 0, 0], [0, 1, 0], "one\ntwo\nfour\n"),
            (&[1, 0, 1, 0, 1, 0], [1, 1, 1], "one"),
        ] {
            let mut said_so_far = Vec::new();
            let mut out = WholeLines::new(Takes(&mut said_so_far, takes));
            let was_lost =
                [b"one\ntwo\n", &b"three\n"[..], b"four\n"].map(|lines| out.write(lines));
            assert_eq!(was_lost, lost, "{takes:?}");
            assert_eq!(said_so_far, said.as_bytes(), "{takes:?}");
        }
    }

    #[test]
    fn the_end_waits_for_the_last_lines_for_a_limited_time() {
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
