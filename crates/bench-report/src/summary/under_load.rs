//! The messages without and with a load, side by side.

use std::fmt::{self, Formatter};

use crate::{
    format::{Bytes, Latency, or_dash, per_second, plural, wrap},
    results::{Part, UnderLoad},
};

/// Writes a line about the load and a table of both parts.
pub(super) fn write(f: &mut Formatter<'_>, load: &UnderLoad) -> fmt::Result {
    let (frame, rate) = (Bytes(load.frame_bytes as f64), Bytes(load.bytes_per_s));
    let connections = plural(load.opened, "connection");
    let load_line =
        format!("load of {frame} on {connections}, {rate}/s each way, in the second part");
    writeln!(f, "{}", wrap("", &load_line))?;
    let none = Part::default();
    let (idle, loaded) = (&load.idle, load.loaded.as_ref().unwrap_or(&none));
    let mut line =
        |name: &str, idle: String, loaded: String| writeln!(f, "  {name:<8}{idle:>12}{loaded:>12}");
    line("", "idle".to_owned(), "loaded".to_owned())?;
    line(
        "messages",
        per_second(idle.throughput),
        per_second(loaded.throughput),
    )?;
    let percentiles = idle.latency.percentiles().into_iter().take(4);
    for ((name, idle), (_, loaded)) in percentiles.zip(loaded.latency.percentiles()) {
        line(
            name,
            or_dash(idle.map(Latency)),
            or_dash(loaded.map(Latency)),
        )?;
    }
    let max =
        |part: &Part| or_dash((part.latency.count > 0).then_some(Latency(part.latency.max_us)));
    line("max", max(idle), max(loaded))
}
