//! `--hdr`: the standard log of HDR histograms, an interval a second.

use std::{
    io::{self, Write},
    sync::mpsc::{self, Receiver, Sender},
    thread::{self, JoinHandle},
    time::{Duration, SystemTime},
};

use anyhow::{Context, Result, anyhow};
use hdrhistogram::{
    Histogram,
    serialization::{V2DeflateSerializer, interval_log::IntervalLogWriterBuilder},
};

/// Where the tools look for the version of the format.
const VERSION: &str = "[Histogram log format version 1.3]";

/// The names of the columns; the crate reads them, but does not write them.
const LEGEND: &str =
    r#""StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram""#;

/// Nanoseconds in the unit of the log's column of maxima: milliseconds, which
/// the public tools take for granted.
const MAX_VALUE_DIVISOR: f64 = 1e6;

/// A log that is being written, by a thread of its own: the crate's writer
/// borrows all that it needs.
pub(crate) struct HdrLog {
    intervals: Sender<Interval>,
    thread: JoinHandle<Result<()>>,
}

struct Interval {
    /// Since the log's start.
    start: Duration,
    length: Duration,
    /// In nanoseconds.
    latencies: Histogram<u64>,
}

impl HdrLog {
    /// Starts a log whose intervals count from `started`.
    ///
    /// # Errors
    ///
    /// When there is no thread for it.
    pub(crate) fn start(out: impl Write + Send + 'static, started: SystemTime) -> Result<Self> {
        let (intervals, inbox) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("hdr log".to_owned())
            .spawn(move || write(out, started, &inbox))
            .context("cannot start a thread")?;
        Ok(Self { intervals, thread })
    }

    /// Adds what `length` brought, from `start` after the log's start on.
    pub(crate) fn add(&self, start: Duration, length: Duration, latencies: &Histogram<u64>) {
        // When the thread is gone, `finish` says why.
        let _ = self.intervals.send(Interval {
            start,
            length,
            latencies: latencies.clone(),
        });
    }

    /// Ends the log.
    ///
    /// # Errors
    ///
    /// What kept it from being written.
    pub(crate) fn finish(self) -> Result<()> {
        drop(self.intervals);
        self.thread
            .join()
            .unwrap_or_else(|_| Err(anyhow!("its thread panicked")))
    }
}

fn write(mut out: impl Write, started: SystemTime, inbox: &Receiver<Interval>) -> Result<()> {
    let mut serializer = V2DeflateSerializer::new();
    IntervalLogWriterBuilder::new()
        .add_comment(VERSION)
        .with_start_time(started)
        // Without a base, readers guess what the intervals count from.
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
    out.flush()?;
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::{Arc, Mutex};

    use hdrhistogram::serialization::{
        Deserializer,
        interval_log::{IntervalLogIterator, LogEntry},
    };

    use super::*;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_log_is_read_back_with_the_same_percentiles() {
        let out = Shared::default();
        let log = HdrLog::start(out.clone(), SystemTime::now()).unwrap();
        let mut all = Histogram::<u64>::new(3).unwrap();
        let second = Duration::from_secs(1);
        for interval in 1..=3_u32 {
            let mut latencies = Histogram::<u64>::new(3).unwrap();
            for us in 1..=1000_u64 {
                latencies.record(us * 1000 * u64::from(interval)).unwrap();
            }
            all.add(&latencies).unwrap();
            log.add(second * interval, second, &latencies);
        }
        log.finish().unwrap();

        let bytes = out.0.lock().unwrap().clone();
        let mut read = Histogram::<u64>::new(3).unwrap();
        let mut starts = Vec::new();
        for entry in IntervalLogIterator::new(&bytes) {
            if let LogEntry::Interval(interval) = entry.unwrap() {
                starts.push(interval.start_timestamp());
                let encoded = base64(interval.encoded_histogram());
                let histogram: Histogram<u64> = Deserializer::new()
                    .deserialize(&mut encoded.as_slice())
                    .unwrap();
                let max_ms = histogram.max() as f64 / 1e6;
                assert!((interval.max() / max_ms - 1.0).abs() < 0.002);
                read.add(&histogram).unwrap();
            }
        }
        assert_eq!(starts, [second, 2 * second, 3 * second]);
        assert_eq!(read, all);
    }

    /// RFC 4648, section 4: the tests need no crate for it.
    fn base64(text: &str) -> Vec<u8> {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let bits: Vec<u8> = text
            .bytes()
            .take_while(|byte| *byte != b'=')
            .flat_map(|byte| {
                let value = alphabet.iter().position(|each| *each == byte).unwrap();
                (0..6).rev().map(move |bit| u8::from(value >> bit & 1 == 1))
            })
            .collect();
        bits.chunks_exact(8)
            .map(|byte| byte.iter().fold(0, |all, bit| all << 1 | bit))
            .collect()
    }
}
