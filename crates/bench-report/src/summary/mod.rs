//! The summary at the end of a run: one screen of a terminal.

use std::fmt::{self, Display, Formatter, Write as _};

use crate::{
    format::{Count, Latency, plural, wrap},
    results::{Results, kinds},
};

mod histogram;
mod latencies;
mod load;
mod machine;
mod traffic;
mod under_load;

/// A run in 24 lines of 80 columns, unless there is much to say about it.
pub struct RunSummary<'a>(pub &'a Results);

impl Display for RunSummary<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let results = self.0;
        for line in [load::target(results), load::pace(&results.arguments)] {
            writeln!(f, "{}", wrap("", &line))?;
        }
        write_rows(f, figures(results))?;
        latencies::write(f, results)?;
        if let Some(load) = &results.under_load {
            under_load::write(f, load)?;
        }
        write_rows(f, failures(results))?;
        let expected = results.expectations.iter().map(ToString::to_string);
        write_rows(f, expected.map(|text| ("expected", Some(text))))?;
        write_verdict(f, results)
    }
}

/// A row: its name, and its text unless it is left out.
type SummaryRow = (&'static str, Option<String>);

/// The rows above the latencies.
fn figures(results: &Results) -> [SummaryRow; 13] {
    let (messages, floor) = (&results.messages, results.noise_floor.as_ref());
    [
        ("ranks", load::ranks(results)),
        ("connections", Some(traffic::connections(results))),
        ("round trips", Some(traffic::round_trips(results))),
        (
            "connects",
            results.connect_latency.as_ref().map(traffic::connects),
        ),
        ("arrivals", results.arrivals.as_ref().map(traffic::arrivals)),
        ("throughput", Some(traffic::throughput(results))),
        ("framed size", traffic::framed_size(messages)),
        ("system calls", traffic::system_calls(messages)),
        ("noise floor", floor.map(machine::timer)),
        ("", floor.map(machine::wakeup)),
        ("cpu", Some(machine::client_cpu(results))),
        ("", machine::other_cpu(results)),
        ("tcp", Some(tcp(results))),
    ]
}

/// The rows below the latencies.
fn failures(results: &Results) -> [SummaryRow; 4] {
    let (sent, unsent) = (results.messages.sent, results.messages.unsent);
    let unanswered = results.messages.unanswered;
    let failures = kinds(&results.failures);
    let failures = Some(failures).filter(|kinds| !kinds.is_empty());
    [
        (
            "unanswered",
            (unanswered > 0).then(|| format!("{unanswered} of {sent} messages sent")),
        ),
        (
            "unsent",
            (unsent > 0).then(|| format!("{unsent} of {} messages due", sent + unsent)),
        ),
        ("failures", failures.or(Some("none".to_owned()))),
        ("until", results.precision.as_ref().map(ToString::to_string)),
    ]
}

/// Writes the rows, each broken into lines that fit.
fn write_rows(f: &mut Formatter<'_>, rows: impl IntoIterator<Item = SummaryRow>) -> fmt::Result {
    for (name, text) in rows {
        if let Some(text) = text {
            writeln!(f, "{}", wrap(&format!("{name:<12} "), &text))?;
        }
    }
    Ok(())
}

/// What the kernel saw of the connections: the median of the client's ends.
fn tcp(results: &Results) -> String {
    if results.arguments.per_connection.is_some() {
        return "unknown: with --per-connection, connections close before the end".to_owned();
    }
    let Some(tcp) = &results.tcp else {
        return "unknown: this system does not say what its kernel saw".to_owned();
    };
    let mut text = plural(tcp.retransmitted(), "retransmission");
    if let Some(state) = &tcp.client.end {
        let _ = write!(
            text,
            ", rtt {:#} ± {:#}, min {:#}, cwnd {:#}",
            Latency(state.rtt_us.median),
            Latency(state.rtt_variance_us.median),
            Latency(state.min_rtt_us.median),
            Count(state.congestion_window.median)
        );
    }
    let sent = results.messages.sent;
    if sent > 0 {
        let each = tcp.client.data_segments_out as f64 / sent as f64;
        let _ = write!(text, ", {each:.2} segments per message");
    }
    text
}

/// Writes the verdict, without a newline at its end.
fn write_verdict(f: &mut Formatter<'_>, results: &Results) -> fmt::Result {
    let verdict = &results.verdict;
    f.write_str(verdict.outcome())?;
    for reason in &verdict.reasons {
        write!(f, "\n{}", wrap("  - ", reason))?;
    }
    for note in &verdict.notes {
        write!(f, "\n{}", wrap("  note: ", note))?;
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
