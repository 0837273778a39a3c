//! A line every second while a run lasts.

use std::{
    fmt::Write as _,
    io::{self, Write as _},
    time::Duration,
};

use terminal_size::{Width, terminal_size_of};
use tracing::Level;

use crate::{
    output::text::{Latency, plural, rate},
    plan::Load,
    results::Second,
};

/// Shows a run while it lasts: a line per second on stderr, cut to the terminal
/// there.
#[derive(Debug)]
pub(crate) struct Live {
    load: Load,
    replies: f64,
    failures: u64,
}

impl Live {
    pub(crate) const fn new(load: Load) -> Self {
        Self {
            load,
            replies: 0.0,
            failures: 0,
        }
    }

    /// Shows the last `length` of the run.
    pub(crate) fn show(&mut self, second: &Second, length: Duration) {
        if !second.warmup {
            self.replies += second.throughput * length.as_secs_f64();
        }
        self.failures += second.failures;
        print(&self.line(second));
    }

    fn line(&self, second: &Second) -> String {
        let (elapsed_s, progress) = (second.elapsed_s, self.progress(second));
        // Whole seconds, but for the last one.
        let decimals = if (elapsed_s - elapsed_s.round()).abs() < 0.05 {
            0
        } else {
            2
        };
        let mut line = format!("{elapsed_s:.decimals$} s{progress}");
        let _ = write!(line, "  Queries Per Second: {}", rate(second.throughput));
        for (name, us) in [("p50", second.p50_us), ("p99", second.p99_us)] {
            if let Some(us) = us {
                let _ = write!(line, "  {name} {}", Latency(us));
            }
        }
        let _ = write!(line, "  {} in flight", second.in_flight);
        if self.failures > 0 {
            let _ = write!(line, "  {}", plural(self.failures, "failure"));
        }
        line
    }

    /// How much of what was requested is done.
    fn progress(&self, second: &Second) -> String {
        if second.warmup {
            return " (warm-up)".to_owned();
        }
        let measured_s = second.elapsed_s - self.load.warmup.as_secs_f64();
        let by_time = self.load.duration.map(|all| measured_s / all.as_secs_f64());
        let by_count = self.load.requests.map(|all| self.replies / all as f64);
        match [by_time, by_count].into_iter().flatten().reduce(f64::max) {
            Some(share) => format!(" ({:.0} %)", 100.0 * share.clamp(0.0, 1.0)),
            None => String::new(),
        }
    }
}

/// Says that replies are waited for, for `left` at most.
pub(crate) fn show_waiting(in_flight: u64, left: Duration) {
    let replies = match in_flight {
        1 => "1 reply".to_owned(),
        n => format!("{n} replies"),
    };
    let left_s = rate(left.as_secs_f64());
    print(&format!(
        "waiting for {replies}, up to {left_s} s; Ctrl-C ends it"
    ));
}

/// Prints a line without a time in front, unless the log is turned off.
fn print(line: &str) {
    if !tracing::enabled!(Level::INFO) {
        return;
    }
    let mut stderr = io::stderr().lock();
    let columns =
        terminal_size_of(&stderr).map_or(usize::MAX, |(Width(columns), _)| columns.into());
    // Nothing is left to do about a closed stderr.
    let _ = writeln!(stderr, "{}", cut(line, columns));
}

/// As much of `line` as `columns` hold; no line is cut to nothing.
fn cut(line: &str, columns: usize) -> &str {
    let end = line.char_indices().nth(columns.max(1));
    end.and_then(|(end, _)| line.get(..end)).unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{plan::Pace, results::sample};

    fn load() -> Load {
        Load {
            connections: 4,
            pipeline: 1,
            pace: Pace::Closed,
            duration: Some(Duration::from_secs(20)),
            requests: Some(1_000_000),
            warmup: Duration::from_secs(2),
            ramp: Duration::ZERO,
            spin: Duration::ZERO,
        }
    }

    #[test]
    fn a_line_says_how_far_the_run_is() {
        let mut live = Live::new(load());
        let mut second = sample().series[6];
        live.show(&second, Duration::from_secs(1));
        // 5 of 20 s and 100,000 of 1,000,000 messages.
        assert_eq!(
            live.line(&second),
            "7 s (25 %)  Queries Per Second: 100000  p50 40.0 µs  p99 90.0 µs  4 in flight"
        );
        second.failures = 2;
        second.throughput = 0.49;
        live.show(&second, Duration::from_secs(1));
        assert_eq!(
            live.line(&second),
            "7 s (25 %)  Queries Per Second: 0.49  p50 40.0 µs  p99 90.0 µs  4 in flight  2 failures"
        );
        second.p50_us = None;
        second.p99_us = None;
        second.warmup = true;
        assert!(live.line(&second).starts_with("7 s (warm-up)  Queries"));
    }

    #[test]
    fn messages_are_progress_too() {
        let mut live = Live::new(Load {
            duration: None,
            ..load()
        });
        let mut second = sample().series[6];
        for percent in [10, 20, 30] {
            live.show(&second, Duration::from_secs(1));
            assert_eq!(live.progress(&second), format!(" ({percent} %)"));
        }
        live.load.requests = None;
        second.elapsed_s = 7.25;
        assert!(live.line(&second).starts_with("7.25 s  Queries"));
    }

    #[test]
    fn a_line_is_cut_to_the_terminal() {
        assert_eq!(cut("40 µs", 4), "40 µ");
        assert_eq!(cut("40 µs", 5), "40 µs");
        assert_eq!(cut("40 µs", 80), "40 µs");
        assert_eq!(cut("40 µs", 0), "4");
    }
}
