//! The rows as text.

use std::fmt;

use super::{
    report::OverheadReport,
    row::OverheadRow,
    run::{CONTROL, PLAIN},
};
use crate::{
    format::{Count, ShowFigure, list, or_dash, plural, wrap},
    statistics::{Spread, rank},
};

/// Two lines for each row: the medians, and below them how far they spread.
pub struct OverheadTable<'a>(pub &'a OverheadReport);

impl fmt::Display for OverheadTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["throughput", "client CPU", "server CPU", "wire", "p99"];
        line(f, "", &head.map(str::to_owned), "")?;
        let units = ["of plain", "µs/message", "µs/message", "bytes", "µs"];
        line(f, "", &units.map(str::to_owned), "p")?;
        for row in &self.0.rows {
            line(f, row.name, &cells(row, median), &answer(row))?;
            if self.0.repeats > 1 {
                line(f, "", &cells(row, range), "")?;
            }
        }
        f.write_str(&wrap("", &self.notes().join("; ")))
    }
}

impl OverheadTable<'_> {
    /// How to read the table, and what it shows.
    fn notes(&self) -> Vec<String> {
        let report = self.0;
        let repeats = report.repeats;
        let duration = report.arguments.duration.unwrap_or_default();
        let (made, requested) = (report.runs.len(), report.rows.len() as u64 * repeats);
        let figures = match repeats {
            1 => "one run".to_owned(),
            _ => format!("medians and min–max of {repeats} runs"),
        };
        let mut notes = vec![format!(
            "{figures} of {duration:?}; plain's throughput is in replies per second; wire bytes \
             leave out what TLS adds"
        )];
        if (made as u64) < requested {
            notes.push(format!("ended after {made} of {requested} runs"));
        }
        notes.extend(report.failures());
        notes.push(format!(
            "client and server share {}, so throughput pays for both",
            plural(report.machine.cpus, "CPU")
        ));
        notes.push(self.conclusion());
        notes
    }

    /// Which rows differ from plain.
    fn conclusion(&self) -> String {
        let tested = self.0.rows.iter().filter(|row| !row.options.is_empty());
        let tests = tested.clone().count();
        if tested.clone().all(|row| row.significant.is_none()) {
            return format!(
                "so few repeats cannot tell a cost from noise; p is corrected for {tests} rows"
            );
        }
        let significant: Vec<&str> = tested
            .filter(|row| row.significant == Some(true))
            .map(|row| row.name)
            .collect();
        format!(
            "significant (Mann–Whitney U, exact, against plain and {CONTROL}; Holm over {tests} \
             rows, p ≤ {}): {}",
            rank::SIGNIFICANCE,
            list(&significant)
        )
    }
}

/// Writes a line of 15 + 13 + 12 + 12 + 8 + 13 + 7 = 80 columns.
fn line(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    [throughput, client, server, wire, p99]: &[String; 5],
    last: &str,
) -> fmt::Result {
    let line =
        format!("{name:<15}{throughput:>13}{client:>12}{server:>12}{wire:>8}{p99:>13}{last:>7}");
    writeln!(f, "{}", line.trim_end())
}

/// The cells of a row, by what of each figure's spread is shown.
fn cells(row: &OverheadRow, part: fn(&Spread, ShowFigure) -> String) -> [String; 5] {
    let cell =
        |spread: Option<Spread>, show: ShowFigure| or_dash(spread.map(|each| part(&each, show)));
    let short: ShowFigure = |value| Count(value).to_string();
    [
        if row.name == PLAIN {
            cell(row.throughput, short)
        } else {
            cell(row.ratio, |ratio| format!("{ratio:.3}"))
        },
        cell(row.client_cpu_us, short),
        cell(row.server_cpu_us, short),
        cell(row.wire_bytes, |bytes| format!("{bytes:.0}")),
        cell(row.p99_us, short),
    ]
}

/// How a number is shown.
fn median(spread: &Spread, show: ShowFigure) -> String {
    show(spread.median)
}

/// Empty where both ends look the same.
fn range(spread: &Spread, show: ShowFigure) -> String {
    let (min, max) = (show(spread.min), show(spread.max));
    if min == max {
        String::new()
    } else {
        format!("{min}–{max}")
    }
}

fn answer(row: &OverheadRow) -> String {
    match row.p {
        _ if !row.failures.is_empty() => "failed".to_owned(),
        Some(p) => format!("{p:.3}"),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::{super::run::OverheadRun, *};
    use crate::{
        format::COLUMNS,
        results::{Results, sample},
    };

    const ROWS: [(&str, &str); 11] = [
        (PLAIN, ""),
        ("checksum", "--checksum"),
        ("compress", "--compress"),
        ("tls", "--tls"),
        ("heartbeat 100ms", "--heartbeat 100ms"),
        ("read-buffer 256", "--read-buffer 256"),
        ("write-buffer 1", "--write-buffer 1"),
        ("send-buffer 16k", "--send-buffer 16k"),
        ("recv-buffer 16k", "--recv-buffer 16k"),
        ("no-nodelay", "--no-nodelay"),
        (CONTROL, ""),
    ];

    /// The table of all rows, `repeats` times, after `change` to each run.
    #[track_caller]
    fn show(repeats: u64, change: impl Fn(&mut OverheadRun)) -> String {
        let mut runs = Vec::new();
        for repeat in 1..=repeats {
            for (name, _) in ROWS {
                let mut run = OverheadRun::of(name, repeat, &sample());
                change(&mut run);
                runs.push(run);
            }
        }
        let Results {
            arguments, machine, ..
        } = sample();
        let started = SystemTime::UNIX_EPOCH;
        let report = OverheadReport::new(arguments, repeats, machine, started, &ROWS, runs);
        let text = OverheadTable(&report).to_string();
        for line in text.lines() {
            assert!(line.chars().count() <= COLUMNS, "{text}");
        }
        text
    }

    /// The words of the line that begins with `name`.
    #[track_caller]
    fn row<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
        let row = text.lines().find_map(|line| line.strip_prefix(name));
        row.map_or_else(Vec::new, |row| row.split_whitespace().collect())
    }

    #[test]
    fn a_row_has_its_median_and_below_it_its_spread() {
        let text = show(4, |run| {
            if run.name == "checksum" {
                run.throughput *= 0.8 + run.repeat as f64 / 100.0;
            }
        });
        assert_eq!(row(&text, "plain "), ["100k", "10.0", "-", "16", "90.0"]);
        // 4 against 8: 2 of 495 orders, and 9 rows.
        let expected = ["0.825", "10.0", "-", "16", "90.0", "0.036"];
        assert_eq!(row(&text, "checksum "), expected);
        assert!(text.contains(" 0.810–0.840"), "{text}");
        assert_eq!(row(&text, "heartbeat 100ms ").last(), Some(&"1.000"));
        assert_eq!(row(&text, "plain again").first(), Some(&"1.000"));
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            words.ends_with("Holm over 9 rows, p ≤ 0.05): checksum"),
            "{text}"
        );
    }

    #[test]
    fn one_repeat_has_no_spread_and_no_answer() {
        let text = show(1, |_| ());
        assert_eq!(row(&text, "checksum ").last(), Some(&"1.000"));
        assert!(text.contains("so few repeats cannot tell"), "{text}");
        assert!(!text.contains('–'), "{text}");
    }

    #[test]
    fn failures_are_in_their_row_and_named() {
        let text = show(5, |run| {
            if run.name == "compress" && run.repeat == 2 {
                run.failures = [("timeout".to_owned(), 3)].into();
            }
        });
        assert_eq!(row(&text, "compress ").last(), Some(&"failed"));
        assert!(text.contains("compress: 3 timeout"), "{text}");
        let text = show(5, |run| *run = OverheadRun::failed(run.name, run.repeat));
        assert_eq!(row(&text, "plain "), ["-", "-", "-", "-", "-", "failed"]);
    }

    #[test]
    fn the_largest_figures_fit() {
        let _ = show(5, |run| {
            let factor = run.repeat as f64 / 5.0;
            run.throughput = 9.999e6 * factor;
            run.client_cpu_us = Some(9999.4 * factor);
            run.server_cpu_us = Some(999_400.0 * factor);
            run.wire_bytes = Some(8_388_612.0);
            // The default timeout.
            run.p99_us = Some(1e7 * factor);
        });
    }
}
