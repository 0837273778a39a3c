//! The table of the ranks.

use super::html;
use crate::{
    format::{Count, Latency, or_dash},
    results::RankLine,
};

const HEADS: [&str; 10] = [
    "rank",
    "host",
    "start",
    "connections",
    "messages/s",
    "p50",
    "p99",
    "max",
    "failures",
    "verdict",
];

/// The table as HTML; empty if there is only one rank.
pub(super) fn table(lines: &[RankLine]) -> String {
    if lines.len() < 2 {
        return String::new();
    }
    let row = |line: &RankLine| {
        [
            line.rank.to_string(),
            or_dash(line.host.as_ref()),
            line.start.clone(),
            line.connections.to_string(),
            Count(line.throughput).to_string(),
            Latency(line.p50_us).to_string(),
            Latency(line.p99_us).to_string(),
            Latency(line.max_us).to_string(),
            line.failures.to_string(),
            match line.reasons.as_slice() {
                [] => "VALID".to_owned(),
                reasons => format!("SUSPECT: {}", reasons.join("; ")),
            },
        ]
    };
    html::table("Ranks", HEADS, &lines.iter().map(row).collect::<Vec<_>>())
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
