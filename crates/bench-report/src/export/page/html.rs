//! Text and tables as HTML.

use std::fmt::Write as _;

/// Makes text from a user or a peer safe in an element.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

/// A table of text below a heading; empty without rows.
pub(super) fn table<const N: usize>(title: &str, heads: [&str; N], rows: &[[String; N]]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let heads = heads.join("</th><th>");
    let mut table =
        format!("<h2>{title}</h2>\n<div class=\"table\"><table>\n<tr><th>{heads}</th></tr>\n");
    for row in rows {
        let cells = row.each_ref().map(|cell| escape(cell));
        // Writing to a string does not fail.
        let _ = writeln!(table, "<tr><td>{}</td></tr>", cells.join("</td><td>"));
    }
    table + "</table></div>\n"
}
