//! `--hdr`: the standard log of HDR histograms, an interval per second.

use std::{
    io::{self, Write},
    path::Path,
    sync::mpsc::{self, Receiver, Sender},
    thread::{self, JoinHandle},
    time::{Duration, SystemTime},
};

use anyhow::{Result, anyhow};
use cli::OutputFile;
use hdrhistogram::{
    Histogram,
    serialization::{V2DeflateSerializer, interval_log::IntervalLogWriterBuilder},
};

use super::format::{Export, Format};
use crate::results::Results;

pub(super) const FORMAT: Format = Format {
    option: "hdr",
    help: "Write an HDR histogram log, an interval per second",
    create: |path| Ok(Box::new(HdrLog::create(path)?)),
};

/// The line in which tools look for the version of the format.
const VERSION: &str = "[Histogram log format version 1.3]";

/// The names of the columns, which the hdrhistogram crate does not write.
const LEGEND: &str =
    r#""StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram""#;

/// Nanoseconds in the unit of the log's column of maxima: milliseconds, which the
/// common tools assume.
const MAX_VALUE_DIVISOR: f64 = 1e6;

/// A log being written, by its own thread: the crate's writer borrows the file and
/// the serializer for as long as it lasts.
struct HdrLog {
    /// `None` until the load begins.
    writer: Option<LogThread>,
    file: Option<OutputFile>,
}

struct LogThread {
    intervals: Sender<LoggedInterval>,
    thread: JoinHandle<Result<()>>,
}

struct LoggedInterval {
    /// Since the load's start.
    start: Duration,
    length: Duration,
    /// In nanoseconds.
    latencies: Histogram<u64>,
}

impl HdrLog {
    fn create(path: &Path) -> Result<Self> {
        Ok(Self {
            writer: None,
            file: Some(OutputFile::create(path)?),
        })
    }
}

impl Export for HdrLog {
    fn started(&mut self, at: SystemTime) {
        let Some(file) = self.file.take() else {
            return;
        };
        let (intervals, inbox) = mpsc::channel();
        // Without a thread there is no log, and `finish` reports that.
        self.writer = thread::Builder::new()
            .name("hdr log".to_owned())
            .spawn(move || write(file, at, &inbox))
            .map(|thread| LogThread { intervals, thread })
            .ok();
    }

    fn interval(&mut self, start: Duration, length: Duration, latencies: &Histogram<u64>) {
        if let Some(writer) = &self.writer
            && !latencies.is_empty()
        {
            // If the thread has ended, `finish` reports why.
            let _ = writer.intervals.send(LoggedInterval {
                start,
                length,
                latencies: latencies.clone(),
            });
        }
    }

    fn finish(self: Box<Self>, _: &Results) -> Result<()> {
        match (self.writer, self.file) {
            (Some(writer), _) => {
                drop(writer.intervals);
                let panicked = |_| Err(anyhow!("cannot write the HDR log: its thread panicked"));
                writer.thread.join().unwrap_or_else(panicked)
            }
            // The load never began.
            (None, Some(file)) => {
                let (_, no_intervals) = mpsc::channel();
                write(file, SystemTime::now(), &no_intervals)
            }
            (None, None) => Err(anyhow!(
                "cannot write the HDR log: no thread could be started"
            )),
        }
    }
}

fn write(
    mut file: OutputFile,
    started: SystemTime,
    inbox: &Receiver<LoggedInterval>,
) -> Result<()> {
    write_log(&mut file, started, inbox).map_err(|error| file.error(error))?;
    file.finish()
}

fn write_log(
    mut out: &mut OutputFile,
    started: SystemTime,
    inbox: &Receiver<LoggedInterval>,
) -> io::Result<()> {
    let mut serializer = V2DeflateSerializer::new();
    IntervalLogWriterBuilder::new()
        .add_comment(VERSION)
        .with_start_time(started)
        // Without a base, readers have to guess what the times are relative to.
        .with_base_time(started)
        .begin_log_with(&mut out, &mut serializer)?;
    writeln!(out, "{LEGEND}")?;
    let mut log = IntervalLogWriterBuilder::new()
        .with_max_value_divisor(MAX_VALUE_DIVISOR)
        .begin_log_with(&mut out, &mut serializer)?;
    for interval in inbox {
        log.write_histogram(&interval.latencies, interval.start, interval.length, None)
            .map_err(io::Error::other)?;
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use hdrhistogram::serialization::{
        Deserializer,
        interval_log::{IntervalLogIterator, LogEntry},
    };

    use super::*;
    use crate::results::sample;

    fn read(path: &Path) -> (Histogram<u64>, Vec<Duration>, String) {
        let bytes = std::fs::read(path).unwrap();
        let mut read = Histogram::<u64>::new(3).unwrap();
        let mut starts = Vec::new();
        for entry in IntervalLogIterator::new(&bytes) {
            if let LogEntry::Interval(interval) = entry.unwrap() {
                starts.push(interval.start_timestamp());
                let encoded = STANDARD.decode(interval.encoded_histogram()).unwrap();
                let histogram: Histogram<u64> = Deserializer::new()
                    .deserialize(&mut encoded.as_slice())
                    .unwrap();
                let max_ms = histogram.max() as f64 / 1e6;
                assert!((interval.max() / max_ms - 1.0).abs() < 0.002);
                read.add(&histogram).unwrap();
            }
        }
        (read, starts, String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn the_log_is_read_back_with_the_same_samples() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut log = HdrLog::create(&path).unwrap();
        let started = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_500);
        log.started(started);
        let mut all = Histogram::<u64>::new(3).unwrap();
        let second = Duration::from_secs(1);
        let empty = Histogram::new(3).unwrap();
        log.interval(Duration::ZERO, second, &empty);
        for interval in 1..=3_u32 {
            let mut latencies = Histogram::new(3).unwrap();
            for us in 1..=1000_u64 {
                let ns = us * 1000 * u64::from(interval);
                latencies.record(ns).unwrap();
            }
            all.add(&latencies).unwrap();
            log.interval(second * interval, second, &latencies);
        }
        Box::new(log).finish(&sample()).unwrap();

        let (read, starts, text) = read(&path);
        assert_eq!(starts, [second, 2 * second, 3 * second]);
        assert_eq!(read, all);
        assert!(text.contains("#[StartTime: 1700000000.500 "), "{text}");
    }

    #[test]
    fn a_load_that_never_began_has_an_empty_log() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let log = Box::new(HdrLog::create(&path).unwrap());
        log.finish(&sample()).unwrap();
        let (histogram, _, text) = read(&path);
        assert!(histogram.is_empty() && text.contains(LEGEND));
    }
}
