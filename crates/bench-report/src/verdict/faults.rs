//! What went wrong: interruptions, missing connections, failures, missing replies.

use crate::{
    format::plural,
    results::{Results, kinds},
};

/// Whether a signal came before anything was measured.
fn is_unmeasured(results: &Results) -> bool {
    results.interrupted && results.messages.sent == 0
}

pub(super) fn interrupted_too_early(results: &Results) -> Option<String> {
    is_unmeasured(results)
        .then(|| "interrupted before the measurement began: nothing was measured".to_owned())
}

pub(super) fn interrupted(results: &Results) -> Option<String> {
    if !results.interrupted || is_unmeasured(results) {
        return None;
    }
    let elapsed_s = results.elapsed_s;
    Some(match results.arguments.duration {
        Some(requested) if elapsed_s < requested.as_secs_f64() => format!(
            "interrupted: the figures cover {elapsed_s:.1} of the {} s requested",
            requested.as_secs_f64()
        ),
        _ => format!("interrupted: the figures cover {elapsed_s:.1} s"),
    })
}

pub(super) fn missing(results: &Results) -> Option<String> {
    let (requested, opened) = (results.connections.requested, results.connections.opened);
    if opened >= requested {
        return None;
    }
    let advice = if results.interrupted {
        "the run was interrupted before that"
    } else if results.failures.is_empty() {
        "the run ended before that, so raise -d or lower --ramp"
    } else {
        "the warnings say why; the server's backlog or limits may not allow more"
    };
    Some(format!(
        "only {opened} of {requested} connections were opened: {advice}"
    ))
}

pub(super) fn failed(results: &Results) -> Option<String> {
    let (total, kinds) = (results.failed(), kinds(&results.failures));
    // The server did not get that far.
    let log = if results.failures.keys().all(|kind| kind == "connect") {
        "the warning"
    } else {
        "the server's log"
    };
    (total > 0).then(|| {
        let total = plural(total, "failure");
        format!("{total} ({kinds}): see {log}, and repeat without them")
    })
}

pub(super) fn without_replies(results: &Results) -> Option<String> {
    (results.messages.replies == 0 && !is_unmeasured(results)).then(|| {
        "no correct reply: check that an echo server for the same wire format listens there"
            .to_owned()
    })
}

/// Messages without a reply that are not failures: the wait for them was cut short.
pub(super) fn unanswered(results: &Results) -> Option<String> {
    let unanswered = results.messages.unanswered;
    (unanswered > 0 && results.failures.is_empty()).then(|| {
        format!(
            "{} without a reply when the wait for them was interrupted: their latency is at least \
             what is shown",
            plural(unanswered, "message")
        )
    })
}

pub(super) fn unverified(results: &Results) -> Option<String> {
    (!results.arguments.verify).then(|| {
        "replies were not verified, so wrong ones count as correct: repeat with verification"
            .to_owned()
    })
}
