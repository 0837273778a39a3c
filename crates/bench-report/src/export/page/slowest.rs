//! The table of the slowest messages.

use super::html::{self, Column};
use crate::{
    format::{Latency, or_dash},
    results::SlowMessage,
};

const COLUMNS: [Column<SlowMessage>; 7] = [
    ("due at", |message| format!("{:.3} s", message.due_s)),
    ("connection", |message| message.connection.to_string()),
    ("latency", |message| Latency(message.latency_us).to_string()),
    ("sent late", |message| Latency(message.lag_us).to_string()),
    ("run-queue wait", |message| or_dash(run_queue_wait(message))),
    ("retransmitted", |message| or_dash(message.retransmitted)),
    ("cause", |message| message.cause.name().to_owned()),
];

/// The table as HTML; empty without messages.
pub(super) fn table(messages: &[SlowMessage]) -> String {
    html::table("Slowest messages", &COLUMNS, messages)
}

/// The wait, limited to the latency: the rest was before the message.
fn run_queue_wait(message: &SlowMessage) -> Option<String> {
    let (wait_us, latency_us) = (message.run_queue_wait_us?, message.latency_us);
    let at_most = if wait_us > latency_us { "≤ " } else { "" };
    Some(format!("{at_most}{}", Latency(wait_us.min(latency_us))))
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
