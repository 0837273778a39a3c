//! The summary that a run ends with.

use std::{fmt, time::Duration};

use proto::{Wire, qps};

use crate::{args::Plan, load::Outcome};

/// Percentiles shown, and the shares of replies they stand for.
const PERCENTILES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)];

/// A run in about a dozen lines.
pub(crate) struct Summary<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) outcome: &'a Outcome,
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { plan, outcome } = self;
        let stats = &outcome.stats;
        let latencies = &stats.latencies;
        let round_trips = latencies.count();
        let throughput = qps::rate(round_trips, outcome.elapsed);
        let bytes = throughput * plan.payload.len() as f64;
        let wire = match plan.wire {
            Wire::Framed(_) => "framed",
            Wire::Raw => "raw",
        };

        writeln!(
            f,
            "{}, {wire}, {} bytes, closed loop",
            plan.server.host,
            plan.payload.len()
        )?;
        writeln!(
            f,
            "connections  {} of {}",
            stats.connections, plan.connections
        )?;
        writeln!(
            f,
            "round trips  {round_trips} in {:.3} s",
            outcome.elapsed.as_secs_f64()
        )?;
        writeln!(
            f,
            "throughput   {throughput:.0} messages/s, {:.3} MB/s of payload each way",
            bytes / 1e6
        )?;
        writeln!(
            f,
            "wire         {} bytes a message, x{:.3} of its payload",
            plan.message.len(),
            plan.message.len() as f64 / plan.payload.len() as f64
        )?;
        if round_trips > 0 {
            let per = |calls: u64| calls as f64 / round_trips as f64;
            writeln!(
                f,
                "system calls {:.2} writes and {:.2} reads a message",
                per(stats.writes),
                per(stats.reads)
            )?;
            let row = |f: &mut fmt::Formatter<'_>, name: &str, latency: Duration| {
                writeln!(f, "  {name:<10} {}", Micros(latency))
            };
            writeln!(f, "latency")?;
            row(f, "min", latencies.min())?;
            row(f, "mean", latencies.mean())?;
            for (name, quantile) in PERCENTILES {
                row(f, name, latencies.at(quantile))?;
            }
            row(f, "max", latencies.max())?;
        }
        if stats.unanswered > 0 {
            writeln!(f, "unanswered   {} when the run ended", stats.unanswered)?;
        }
        write!(f, "failures     {}", stats.failures)
    }
}

/// A latency in microseconds, right-aligned, so that rows can be compared.
struct Micros(Duration);

impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>12.1} µs", self.0.as_secs_f64() * 1e6)
    }
}
