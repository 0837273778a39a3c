//! A line every second while a run lasts.

use std::{
    fmt::Write as _,
    io::{self, IsTerminal, Write as _},
};

use crate::{
    output::text::{COLUMNS, Latency},
    plan::Load,
    results::Second,
};

/// Shows a run while it lasts: on a terminal one line that changes, else a
/// line each second.
#[derive(Debug)]
pub(crate) struct Live {
    load: Load,
    on_terminal: bool,
    replies: f64,
    failures: u64,
}

impl Live {
    pub(crate) fn new(load: Load) -> Self {
        Self {
            load,
            on_terminal: io::stderr().is_terminal(),
            replies: 0.0,
            failures: 0,
        }
    }

    /// Shows the last `length_s` seconds.
    pub(crate) fn show(&mut self, second: &Second, length_s: f64) {
        if !second.is_warmup {
            self.replies += second.throughput * length_s;
        }
        self.failures += second.failures;
        let line = self.line(second);
        if self.on_terminal {
            // Nothing is left to do about a closed stderr.
            let line: String = line.chars().take(COLUMNS - 1).collect();
            let _ = write!(io::stderr(), "\r\x1b[K{line}");
            let _ = io::stderr().flush();
        } else if length_s > 0.1 {
            tracing::info!("{line}");
        }
    }

    fn line(&self, second: &Second) -> String {
        let mut line = format!("{:.0} s{}", second.at_s, self.progress(second));
        let _ = write!(line, "  Queries Per Second: {:.0}", second.throughput);
        for (name, us) in [("p50", second.p50_us), ("p99", second.p99_us)] {
            if let Some(us) = us {
                let _ = write!(line, "  {name} {}", Latency(us));
            }
        }
        let _ = write!(line, "  {} in flight", second.in_flight);
        let _ = match self.failures {
            0 => Ok(()),
            1 => write!(line, "  1 error"),
            n => write!(line, "  {n} errors"),
        };
        line
    }

    /// How much of what was asked for is done.
    fn progress(&self, second: &Second) -> String {
        if second.is_warmup {
            return " (warm-up)".to_owned();
        }
        let measured_s = second.at_s - self.load.warmup.as_secs_f64();
        let by_time = self.load.duration.map(|all| measured_s / all.as_secs_f64());
        let by_count = self.load.requests.map(|all| self.replies / all as f64);
        match [by_time, by_count].into_iter().flatten().reduce(f64::max) {
            Some(share) => format!(" ({:.0} %)", 100.0 * share.clamp(0.0, 1.0)),
            None => String::new(),
        }
    }
}

impl Drop for Live {
    /// Leaves the terminal to what comes next.
    fn drop(&mut self) {
        if self.on_terminal {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{plan::Pace, results::sample};

    #[test]
    fn a_line_says_how_far_the_run_is() {
        let load = Load {
            connections: 4,
            pipeline: 1,
            pace: Pace::Closed,
            duration: Some(Duration::from_secs(20)),
            requests: Some(1_000_000),
            warmup: Duration::from_secs(2),
            ramp: Duration::ZERO,
            spin: Duration::ZERO,
        };
        let mut live = Live::new(load);
        let mut second = sample().series[6];
        live.show(&second, 1.0);
        second.failures = 2;
        live.show(&second, 1.0);
        // 5 of 20 s and 200,000 of 1,000,000 messages.
        assert_eq!(
            live.line(&second),
            "7 s (25 %)  Queries Per Second: 100000  p50 40.0 µs  p99 90.0 µs  4 in flight  2 errors"
        );
        second.p50_us = None;
        second.p99_us = None;
        second.is_warmup = true;
        assert!(live.line(&second).starts_with("7 s (warm-up)  Queries"));
    }
}
