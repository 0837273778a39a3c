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

/// A column of a table: its head, and its text in a row.
pub(super) type Column<T> = (&'static str, fn(&T) -> String);

/// A table below a heading; empty without rows.
pub(super) fn table<T>(title: &str, columns: &[Column<T>], rows: &[T]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut table = format!("<h2>{title}</h2>\n<div class=\"table\">\n<table>\n<tr>");
    // Writing to a string does not fail.
    for (head, _) in columns {
        let _ = write!(table, "<th>{head}</th>");
    }
    for row in rows {
        table.push_str("</tr>\n<tr>");
        for (_, text) in columns {
            let _ = write!(table, "<td>{}</td>", escape(&text(row)));
        }
    }
    table + "</tr>\n</table>\n</div>\n"
}
