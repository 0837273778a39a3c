//! A line per second while a run lasts.

use std::{fmt::Write as _, time::Duration};

use crate::{
    format::{Count, Latency, plural},
    results::{Arguments, Second},
};

/// Describes a run while it lasts.
#[derive(Debug)]
pub struct Live {
    arguments: Arguments,
    replies: f64,
    failures: u64,
}

impl Live {
    /// For a run with these arguments.
    #[must_use]
    pub const fn new(arguments: Arguments) -> Self {
        Self {
            arguments,
            replies: 0.0,
            failures: 0,
        }
    }

    /// Describes the last `length` of the run.
    pub fn second(&mut self, second: &Second, length: Duration) -> String {
        if !second.warmup {
            self.replies += second.throughput * length.as_secs_f64();
        }
        self.failures += second.failures;
        let (elapsed_s, progress) = (second.elapsed_s, self.progress(second));
        // The last second may end between two whole ones.
        let is_whole = (elapsed_s - elapsed_s.round()).abs() < 0.05;
        let decimals = if is_whole { 0 } else { 2 };
        let throughput = whole(second.throughput);
        let mut line =
            format!("{elapsed_s:.decimals$} s{progress}  Queries Per Second: {throughput}");
        // Before what a narrow terminal has no room for.
        if self.failures > 0 {
            let _ = write!(line, "  {}", plural(self.failures, "failure"));
        }
        for (name, us) in [("p50", second.p50_us), ("p99", second.p99_us)] {
            if let Some(us) = us {
                let _ = write!(line, "  {name} {}", Latency(us));
            }
        }
        let _ = write!(line, "  {} in flight", second.in_flight);
        line
    }

    /// The run waits for the last replies, for at most `left`.
    #[must_use]
    pub fn waiting(in_flight: u64, left: Duration) -> String {
        let replies = match in_flight {
            1 => "1 reply".to_owned(),
            n => format!("{n} replies"),
        };
        let left = Latency(1e6 * left.as_secs_f64());
        format!("waiting for {replies}, up to {left:#}; Ctrl-C ends it")
    }

    /// The share of the requested run that is done.
    fn progress(&self, second: &Second) -> String {
        if second.warmup {
            return " (warm-up)".to_owned();
        }
        let arguments = &self.arguments;
        let measured_s = second.elapsed_s - arguments.warmup.as_secs_f64();
        let by_time = arguments.duration.map(|all| measured_s / all.as_secs_f64());
        let by_count = arguments.requests.map(|all| self.replies / all as f64);
        match [by_time, by_count].into_iter().flatten().reduce(f64::max) {
            Some(share) => format!(" ({:.0} %)", 100.0 * share.clamp(0.0, 1.0)),
            None => String::new(),
        }
    }
}

/// A rate with all digits before the point, to be compared with that of the second
/// before.
fn whole(rate: f64) -> String {
    if rate < 99.95 {
        format!("{:#}", Count(rate))
    } else {
        format!("{rate:.0}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::sample;

    const SECOND: Duration = Duration::from_secs(1);

    fn live() -> Live {
        Live::new(Arguments {
            duration: Some(20 * SECOND),
            requests: Some(1_000_000),
            warmup: 2 * SECOND,
            ..sample().arguments
        })
    }

    #[test]
    fn a_line_says_how_far_the_run_is() {
        let mut shown = live();
        let mut second = sample().series[6];
        // 5 of 20 s and 100,000 of 1,000,000 messages.
        assert_eq!(
            shown.second(&second, SECOND),
            "7 s (25 %)  Queries Per Second: 100000  p50 40.0 µs  p99 90.0 µs  4 in flight"
        );
        second.failures = 2;
        second.throughput = 0.49;
        assert_eq!(
            shown.second(&second, SECOND),
            "7 s (25 %)  Queries Per Second: 0.49  2 failures  p50 40.0 µs  p99 90.0 µs  4 in flight"
        );
        second.p50_us = None;
        second.p99_us = None;
        second.warmup = true;
        let line = shown.second(&second, SECOND);
        assert!(line.starts_with("7 s (warm-up)  Queries"), "{line}");
    }

    #[test]
    fn messages_are_progress_too() {
        let mut shown = live();
        shown.arguments.duration = None;
        let mut second = sample().series[6];
        for percent in [10, 20, 30] {
            let line = shown.second(&second, SECOND);
            assert!(line.contains(&format!("s ({percent} %)  ")), "{line}");
        }
        shown.arguments.requests = None;
        second.elapsed_s = 7.25;
        let line = shown.second(&second, SECOND);
        assert!(line.starts_with("7.25 s  Queries"), "{line}");
    }

    #[test]
    fn a_wait_has_an_end() {
        let wait = Live::waiting(1, 3 * SECOND);
        assert_eq!(wait, "waiting for 1 reply, up to 3 s; Ctrl-C ends it");
        let wait = Live::waiting(2, SECOND / 4);
        assert_eq!(wait, "waiting for 2 replies, up to 250 ms; Ctrl-C ends it");
    }
}
