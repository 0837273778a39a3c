//! Connections and messages as text.

use crate::{
    format::{Bytes, Count, Latency, plural},
    results::{Messages, Results},
    statistics::{Distribution, Fit},
};

pub(super) fn connections(results: &Results) -> String {
    let connections = &results.connections;
    format!("{} of {}", connections.opened, connections.requested)
}

pub(super) fn round_trips(results: &Results) -> String {
    let replies = results.messages.replies_in_window;
    format!("{replies} in {}", Latency(1e6 * results.elapsed_s))
}

/// How long connections took to open.
pub(super) fn connects(latency: &Distribution) -> String {
    let percentiles = latency.percentiles().into_iter().take(3);
    let known = percentiles.filter_map(|(name, us)| Some((name, us?)));
    let max = (latency.count > 0).then_some(("max", latency.max_us));
    let figures = known.chain(max);
    let figures = figures.map(|(name, us)| format!(", {name} {}", Latency(us)));
    plural(latency.count, "further connection") + &figures.collect::<String>()
}

/// How well the times of sending fit a Poisson process.
pub(super) fn arrivals(fit: &Fit) -> String {
    let Fit {
        gaps, ks_statistic, ..
    } = fit;
    let p = match fit.p_value {
        p if p < 0.001 => "p < 0.001".to_owned(),
        p => format!("p = {p:.3}"),
    };
    format!("against a Poisson process: KS {ks_statistic:.3} over {gaps} gaps, {p}")
}

pub(super) fn throughput(results: &Results) -> String {
    let messages = &results.messages;
    let Some(payload) = messages.each(messages.payload_bytes as f64) else {
        return "0 messages/s".to_owned();
    };
    let bytes = Bytes(results.throughput * payload);
    let throughput = Count(results.throughput);
    format!("{throughput} messages/s, {bytes}/s of payload each way")
}

/// The size of a message on the wire, and how much framing adds to its payload.
pub(super) fn framed_size(messages: &Messages) -> Option<String> {
    let framed = messages.each(messages.wire_bytes as f64)?;
    let ratio = Count(framed / messages.each(messages.payload_bytes as f64)?);
    Some(format!("{:#} bytes, {ratio:#}x the payload", Count(framed)))
}

pub(super) fn system_calls(messages: &Messages) -> Option<String> {
    let writes = messages.each(messages.writes as f64)?;
    let reads = messages.each(messages.reads as f64)?;
    Some(format!(
        "{writes:.2} writes and {reads:.2} reads per message"
    ))
}
