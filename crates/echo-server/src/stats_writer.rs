//! Statistics for machines: one line of JSON per second.

use std::{
    fs::File,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use serde_json::{Map, Value, json};
use transport::{WholeLines, is_unread_pipe, non_blocking_options, stdio};

use crate::{Error, stats::Stats, stats_to::StatsTo};

/// Writes lines of JSON, one object each:
///
/// | key | value |
/// | --- | --- |
/// | `elapsed_s` | seconds since the server started |
/// | `accepted` | connections accepted so far |
/// | `live` | live connections |
/// | `closed` | an object: connections by reason, with every reason; `accepted` is their sum plus `live` |
/// | `frames`, `bytes`, `payload_bytes`, `reads`, `split_reads`, `writes` | as in [`Traffic`](crate::Traffic), so far |
/// | `qps` | frames per second since the last line |
///
/// It never waits for a reader: a line that cannot be written is dropped and
/// counted.
#[derive(Debug)]
pub(crate) struct StatsWriter {
    to: StatsTo,
    /// `None` while the file cannot be opened.
    out: Option<WholeLines<File>>,
    /// Whether lines fail, which is logged once.
    has_failed: bool,
    /// Lines dropped since.
    lost: u64,
    reopen: Arc<AtomicBool>,
    started: Instant,
}

impl StatsWriter {
    pub(crate) fn open(to: &StatsTo) -> Result<Self, Error> {
        let out = match open(to) {
            Err(error) if is_unread(to, &error) => {
                tracing::warn!(
                    "{to} is a FIFO that is not read: statistics are dropped until it is"
                );
                None
            }
            Err(source) => {
                let to = to.clone();
                return Err(Error::Stats { to, source });
            }
            Ok(out) => Some(WholeLines::new(out)),
        };
        Ok(Self {
            to: to.clone(),
            has_failed: out.is_none(),
            lost: 0,
            reopen: Arc::default(),
            started: Instant::now(),
            out,
        })
    }

    /// A flag that makes the writer reopen its file; `None` for stdout.
    pub(crate) const fn reopen(&self) -> Option<&Arc<AtomicBool>> {
        match self.to {
            StatsTo::File(_) => Some(&self.reopen),
            StatsTo::Stdout => None,
        }
    }

    /// Writes one line, or drops it. Logs the first and the end of a run of
    /// failures.
    pub(crate) fn write(&mut self, stats: &Stats) {
        let mut line = line(stats, self.started.elapsed().as_secs_f64());
        line.push('\n');
        let outcome = self.try_write(line.as_bytes());
        let Self { to, lost, .. } = self;
        match outcome {
            Ok(()) if self.has_failed => {
                tracing::info!("statistics are written to {to} again; {lost} lines dropped");
                (self.has_failed, self.lost) = (false, 0);
            }
            Ok(()) => {}
            Err(error) => {
                if !self.has_failed {
                    tracing::warn!(
                        "cannot write statistics to {to}: {error}; trying again every second"
                    );
                }
                self.has_failed = true;
                self.lost += 1;
            }
        }
    }

    fn try_write(&mut self, line: &[u8]) -> io::Result<()> {
        if self.reopen.swap(false, Ordering::Relaxed) {
            self.out = None;
        }
        let out = match self.out.take() {
            Some(out) => out,
            None => WholeLines::new(open(&self.to)?),
        };
        let out = self.out.insert(out);
        if !stdio::has_room(out.get_ref()) {
            return Err(io::Error::other("the buffer is full"));
        }
        match out.write(line) {
            (1.., Some(error)) => Err(error),
            // The rest of a partial line precedes the next one.
            _ => Ok(()),
        }
    }
}

fn open(to: &StatsTo) -> io::Result<File> {
    match to {
        StatsTo::Stdout => stdout(),
        // Appending leaves no gap where another program truncates the file.
        StatsTo::File(path) => non_blocking_options().append(true).create(true).open(path),
    }
}

/// Unbuffered standard output: a buffer would split lines.
#[cfg(unix)]
fn stdout() -> io::Result<File> {
    use std::os::fd::AsFd;

    Ok(io::stdout().as_fd().try_clone_to_owned()?.into())
}

#[cfg(windows)]
fn stdout() -> io::Result<File> {
    use std::os::windows::io::AsHandle;

    Ok(io::stdout().as_handle().try_clone_to_owned()?.into())
}

/// Whether the destination is a FIFO without a reader.
fn is_unread(to: &StatsTo, error: &io::Error) -> bool {
    matches!(to, StatsTo::File(path) if is_unread_pipe(path, error))
}

fn line(stats: &Stats, elapsed: f64) -> String {
    let Stats {
        accepted,
        closed,
        live,
        traffic,
        qps,
    } = stats;
    let closed: Map<String, Value> = closed
        .iter()
        .map(|(close, count)| (close.name().to_owned(), count.into()))
        .collect();
    json!({
        "elapsed_s": (elapsed * 1e3).round() / 1e3,
        "accepted": accepted,
        "live": live,
        "closed": closed,
        "frames": traffic.frames,
        "bytes": traffic.bytes,
        "payload_bytes": traffic.payload_bytes,
        "reads": traffic.reads,
        "split_reads": traffic.split_reads,
        "writes": traffic.writes,
        "qps": qps.round(),
    })
    .to_string()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::close::{CloseCounts, CloseReason};

    #[test]
    fn a_line_is_an_object_with_every_reason() {
        let mut closed = CloseCounts::default();
        closed.add(CloseReason::FrameTimeout);
        let stats = Stats {
            accepted: 3,
            closed,
            live: 2,
            ..Stats::default()
        };
        let line: Value = serde_json::from_str(&line(&stats, 1.5)).unwrap();
        assert_eq!(line["elapsed_s"], 1.5);
        assert_eq!((&line["accepted"], &line["live"]), (&3.into(), &2.into()));
        assert_eq!(line["closed"]["frame_timeout"], 1);
        assert_eq!(
            line["closed"].as_object().unwrap().len(),
            CloseReason::ALL.len()
        );
    }
}
