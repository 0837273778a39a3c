//! The table of the ranks.

use super::html::{self, Column};
use crate::{
    format::{Count, Latency, or_dash},
    results::RankLine,
};

const COLUMNS: [Column<RankLine>; 10] = [
    ("rank", |line| line.rank.to_string()),
    ("host", |line| or_dash(line.host.as_ref())),
    ("start", |line| line.start.clone()),
    ("connections", |line| line.connections.to_string()),
    ("messages/s", |line| Count(line.throughput).to_string()),
    ("p50", |line| Latency(line.p50_us).to_string()),
    ("p99", |line| Latency(line.p99_us).to_string()),
    ("max", |line| Latency(line.max_us).to_string()),
    ("failures", |line| line.failures.to_string()),
    ("verdict", |line| match line.reasons.as_slice() {
        [] => "VALID".to_owned(),
        reasons => format!("SUSPECT: {}", reasons.join("; ")),
    }),
];

/// The table as HTML; empty if there is only one rank.
pub(super) fn table(lines: &[RankLine]) -> String {
    let lines = if lines.len() > 1 { lines } else { &[] };
    html::table("Ranks", &COLUMNS, lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_line_for_each_rank() {
        let line = |rank, reasons: &[&str]| RankLine {
            rank,
            host: Some("<b>".to_owned()),
            reasons: reasons.iter().map(|&reason| reason.to_owned()).collect(),
            ..RankLine::default()
        };
        assert_eq!(table(&[line(0, &[])]), "");
        let table = table(&[line(0, &[]), line(1, &["late & more"])]);
        assert_eq!(table.matches("<tr>").count(), 3);
        for text in ["&lt;b&gt;", ">VALID<", ">SUSPECT: late &amp; more<"] {
            assert!(table.contains(text), "{table}");
        }
    }
}
