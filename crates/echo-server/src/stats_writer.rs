//! The statistics for machines: one line of JSON a second.

use std::{
    fmt,
    fs::File,
    io::{self, Write},
    path::PathBuf,
    time::Instant,
};

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use crate::registry::Stats;

/// Where the lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatsTo {
    /// To standard output.
    Stdout,
    /// To a file, which is made anew.
    File(PathBuf),
}

/// Writes lines of JSON, one object each:
///
/// | key | value |
/// | --- | --- |
/// | `elapsed_s` | seconds since the server started |
/// | `accepted` | connections accepted so far |
/// | `live` | those that are alive |
/// | `closed` | an object: reason to connections, every reason there is; `accepted` is their sum and `live` |
/// | `frames`, `bytes`, `payload_bytes`, `reads`, `split_reads`, `writes` | as in [`Traffic`](crate::Traffic), so far |
/// | `qps` | frames a second since the last line |
pub(crate) struct StatsWriter {
    out: Box<dyn Write + Send>,
    started: Instant,
}

impl StatsWriter {
    pub(crate) fn open(to: &StatsTo) -> Result<Self> {
        Ok(Self {
            out: match to {
                StatsTo::Stdout => Box::new(io::stdout()),
                StatsTo::File(path) => Box::new(
                    File::create(path)
                        .with_context(|| format!("cannot write {}", path.display()))?,
                ),
            },
            started: Instant::now(),
        })
    }

    /// Writes one line, as one write where the system allows.
    pub(crate) fn write(&mut self, stats: &Stats) {
        if let Err(error) = self.try_write(stats) {
            tracing::debug!("no more stats: {error}");
        }
    }

    fn try_write(&mut self, stats: &Stats) -> io::Result<()> {
        let mut line = line(stats, self.started.elapsed().as_secs_f64());
        line.push('\n');
        self.out.write_all(line.as_bytes())?;
        self.out.flush()
    }
}

impl fmt::Debug for StatsWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StatsWriter").finish_non_exhaustive()
    }
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
