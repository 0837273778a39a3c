//! The table of the ranks.

use std::fmt::Write as _;

use super::escape;
use crate::{
    format::{Count, Latency},
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

/// Draws it as HTML, if there are several.
pub(super) fn table(lines: &[RankLine]) -> String {
    if lines.len() < 2 {
        return String::new();
    }
    let mut table = String::from("<h2>Ranks</h2>\n<table>\n");
    // Writing to a string does not fail.
    let _ = writeln!(table, "<tr><th>{}</th></tr>", HEADS.join("</th><th>"));
    for line in lines {
        let cells = [
            line.rank.to_string(),
            escape(line.host.as_deref().unwrap_or("-")),
            escape(&line.start),
            line.connections.to_string(),
            Count(line.throughput).to_string(),
            Latency(line.p50_us).to_string(),
            Latency(line.p99_us).to_string(),
            Latency(line.max_us).to_string(),
            line.failures.to_string(),
            if line.reasons.is_empty() {
                "VALID".to_owned()
            } else {
                format!("SUSPECT: {}", escape(&line.reasons.join("; ")))
            },
        ];
        let _ = writeln!(table, "<tr><td>{}</td></tr>", cells.join("</td><td>"));
    }
    table.push_str("</table>\n");
    table
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
