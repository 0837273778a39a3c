//! The table of the slowest messages.

use std::fmt::Write as _;

use crate::{format::Latency, results::SlowMessage};

const HEADS: [&str; 7] = [
    "due at",
    "connection",
    "latency",
    "sent late",
    "run-queue wait",
    "retransmitted",
    "cause",
];

/// Draws it as HTML, if there is anything in it.
pub(super) fn table(messages: &[SlowMessage]) -> String {
    if messages.is_empty() {
        return String::new();
    }
    let mut table = String::from("<h2>Slowest messages</h2>\n<table>\n");
    // Writing to a string does not fail.
    let _ = writeln!(table, "<tr><th>{}</th></tr>", HEADS.join("</th><th>"));
    for message in messages {
        let cells = [
            format!("{:.3} s", message.due_s),
            message.connection.to_string(),
            Latency(message.latency_us).to_string(),
            Latency(message.lag_us).to_string(),
            run_queue_wait(message),
            message
                .retransmitted
                .map_or("-".to_owned(), |count| count.to_string()),
            message.cause.name().to_owned(),
        ];
        let _ = writeln!(table, "<tr><td>{}</td></tr>", cells.join("</td><td>"));
    }
    table.push_str("</table>\n");
    table
}

/// The wait, as far as it can be in the message.
fn run_queue_wait(message: &SlowMessage) -> String {
    message.run_queue_wait_us.map_or("-".to_owned(), |wait_us| {
        let most = if wait_us > message.latency_us {
            "≤ "
        } else {
            ""
        };
        format!("{most}{}", Latency(wait_us.min(message.latency_us)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::Cause;

    #[test]
    fn each_message_is_a_row_with_its_cause() {
        assert_eq!(table(&[]), "");
        let message = SlowMessage {
            connection: 7,
            due_s: 1.25,
            latency_us: 203_000.0,
            run_queue_wait_us: Some(300_000.0),
            retransmitted: Some(1),
            cause: Cause::Retransmission,
            ..SlowMessage::default()
        };
        let unknown = SlowMessage {
            run_queue_wait_us: None,
            retransmitted: None,
            ..message.clone()
        };
        let page = table(&[message, unknown]);
        for row in [
            "<td>1.250 s</td><td>7</td><td>203 ms</td><td>0.00 µs</td><td>≤ 203 ms</td><td>1</td>\
             <td>retransmission</td>",
            "<td>-</td><td>-</td>",
        ] {
            assert!(page.contains(row), "{page}");
        }
        assert_eq!(page.matches("<tr>").count(), 3);
    }
}
