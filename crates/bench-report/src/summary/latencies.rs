//! The latencies of a run as a table, with a histogram beside it.

use std::fmt::{self, Formatter, Write as _};

use super::histogram;
use crate::{
    format::{COLUMNS, Latency, or_dash},
    results::Results,
    statistics::Distribution,
};

/// Columns of a latency's name, and of each of its figures.
const NAME_COLUMNS: usize = 8;
const FIGURE_COLUMNS: usize = 12;

/// Columns between the latencies and their histogram.
const GAP: usize = 3;

/// Writes the latencies in one column or, for an open loop, in two, and the
/// histogram of the first one beside them.
pub(crate) fn write(f: &mut Formatter<'_>, results: &Results) -> fmt::Result {
    let latency = &results.latency;
    if latency.count == 0 {
        return Ok(());
    }
    let uncorrected = results.latency_uncorrected.as_ref();
    let figures: Vec<_> = std::iter::once(latency).chain(uncorrected).collect();
    let used = NAME_COLUMNS + FIGURE_COLUMNS * figures.len() + GAP;
    let (heads, bars_head) = if uncorrected.is_some() {
        (["corrected", "uncorrected"], "samples by corrected latency")
    } else {
        ([""; 2], "samples by latency")
    };
    let mut head = format!("{:<NAME_COLUMNS$}", "latency");
    for (name, _) in heads.iter().zip(&figures) {
        write!(head, "{name:>FIGURE_COLUMNS$}")?;
    }
    writeln!(f, "{head:<used$}{bars_head}")?;
    let mut bars = histogram::rows(latency, COLUMNS - used).into_iter();
    let mut write_row = |name: &str, figure: &dyn Fn(&Distribution) -> Option<f64>| {
        let mut row = format!("{:<NAME_COLUMNS$}", format!("  {name}"));
        for distribution in &figures {
            let figure = or_dash(figure(distribution).map(Latency));
            write!(row, "{figure:>FIGURE_COLUMNS$}")?;
        }
        if let Some(bar) = bars.next() {
            write!(row, "{:GAP$}{bar}", "")?;
        }
        writeln!(f, "{}", row.trim_end())
    };
    write_row("min", &|latency| Some(latency.min_us))?;
    write_row("mean", &|latency| Some(latency.mean_us))?;
    for (name, _) in latency.percentiles() {
        write_row(name, &|latency| latency.percentile(name))?;
    }
    write_row("max", &|latency| Some(latency.max_us))
}
