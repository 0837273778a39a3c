//! The page of `--report`: one run, or one search for the capacity, in a single file.

mod axis;
mod html;
mod plot;
mod ranks;
mod slowest;
mod svg;

use std::fmt::Write as _;

use anyhow::Result;
use cli::OutputFile;
use serde::Serialize;

use self::{html::escape, plot::Figure};
use super::format::{AtEnd, Format, write};
use crate::{
    capacity::{CapacityReport, CapacityTable},
    results::Results,
    summary::RunSummary,
};

const STYLE: &str = include_str!("style.css");

pub(super) const FORMAT: Format = Format {
    option: "report",
    help: "Write a page with plots",
    create: |path| AtEnd::create(path, page),
};

/// Writes the page of a search, and gives the file its name.
///
/// # Errors
///
/// One line that names the file.
pub fn write_page(file: OutputFile, report: &CapacityReport) -> Result<()> {
    write(file, capacity_page(report))
}

fn page(results: &Results) -> serde_json::Result<String> {
    let document = Document {
        target: &results.target.address,
        started: &results.started,
        summary: RunSummary(results).to_string(),
        is_sound: results.verdict.valid,
        figures: &plot::figures(results),
        table: ranks::table(&results.ranks) + &slowest::table(&results.slowest),
    };
    // The samples are for programs, and would be most of the file.
    let results = Results {
        slices: Vec::new(),
        ..results.clone()
    };
    document.to_html(&results)
}

fn capacity_page(report: &CapacityReport) -> serde_json::Result<String> {
    let document = Document {
        target: &report.target.address,
        started: &report.started,
        summary: CapacityTable(report).to_string(),
        is_sound: report.answer.is_some_and(|answer| answer.is_found()),
        figures: &plot::capacity_figures(&report.probes),
        table: String::new(),
    };
    document.to_html(report)
}

/// What a page shows above the full results.
struct Document<'a> {
    target: &'a str,
    started: &'a str,
    summary: String,
    is_sound: bool,
    figures: &'a [Figure],
    /// As HTML; empty without one.
    table: String,
}

impl Document<'_> {
    /// The whole HTML document: the summary, the plots, and all `results` folded
    /// away.
    fn to_html(&self, results: &impl Serialize) -> serde_json::Result<String> {
        let target = escape(self.target);
        let started = escape(self.started);
        let class = if self.is_sound { "" } else { " suspect" };
        let summary = escape(&self.summary);
        let mut page = format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>{target}: bench-client</title>\n<style>\n{STYLE}</style>\n</head>\n\
             <body>\n<main>\n<h1>{target}</h1>\n<p class=\"muted\">{started}</p>\n\
             <pre class=\"summary{class}\">{summary}</pre>\n<div class=\"plots\">\n"
        );
        for figure in self.figures {
            write_figure(&mut page, figure);
        }
        let table = &self.table;
        let json = escape(&serde_json::to_string_pretty(results)?);
        let _ = write!(
            page,
            "</div>\n{table}<details>\n<summary>All results</summary>\n<pre>{json}</pre>\n</details>\n\
             </main>\n</body>\n</html>\n"
        );
        Ok(page)
    }
}

fn write_figure(page: &mut String, figure: &Figure) {
    let title = &figure.title;
    // Writing to a string does not fail.
    let _ = write!(page, "<figure>\n<figcaption>\n<h2>{title}</h2>\n");
    let Some(svg) = &figure.svg else {
        page.push_str("</figcaption>\n<p class=\"muted\">Nothing to draw.</p>\n</figure>\n");
        return;
    };
    for (stroke, name) in figure.legend {
        let class = stroke.class();
        let _ = writeln!(page, "<span class=\"key {class}\">{name}</span>");
    }
    if figure.has_warmup {
        page.push_str("<span class=\"key warmup\">warm-up</span>\n");
    }
    let _ = write!(page, "</figcaption>\n{svg}</figure>\n");
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{
        results::{Expectation, Messages, sample},
        statistics::{Distribution, Point},
    };

    /// What a reader sees; it must not show an undefined number.
    fn body(results: &Results) -> String {
        let page = page(results).unwrap();
        let (_, body) = page.split_once("<body>").unwrap();
        let mut words = body.split(|c: char| !c.is_alphanumeric());
        assert!(!words.any(|word| word == "NaN" || word == "inf"), "{body}");
        body.to_owned()
    }

    #[test]
    fn text_is_escaped_everywhere() {
        assert_eq!(escape("<a href='&\">"), "&lt;a href=&#39;&amp;&quot;&gt;");
        let mut results = sample();
        let attack = "<script>alert(1)</script>";
        results.started = attack.to_owned();
        results.target.address = attack.to_owned();
        results.arguments.wire = attack.to_owned();
        results.arguments.size = attack.to_owned();
        results.machine.version = attack.to_owned();
        results.machine.os = attack.to_owned();
        results.machine.kernel = Some(attack.to_owned());
        results.machine.cpu_model = Some(attack.to_owned());
        results.failures.insert(attack.to_owned(), 1);
        results.verdict.reasons.push(attack.to_owned());
        results.verdict.notes.push(attack.to_owned());
        results.expectations.push(Expectation {
            text: attack.to_owned(),
            measured: Some(1.0),
            met: true,
            samples_needed: None,
        });
        let page = page(&results).unwrap();
        assert!(!page.contains("<script"));
        assert!(page.matches("&lt;script&gt;").count() >= 10);
    }

    #[test]
    fn the_page_needs_nothing_else() {
        let page = page(&sample()).unwrap();
        for reference in ["src=", "href=", "url(", "@import", "<link", "<script"] {
            assert!(!page.contains(reference), "{reference}");
        }
        assert_eq!(page.matches("<svg role=\"img\" aria-label=\"").count(), 4);
    }

    #[test]
    fn the_summary_and_all_results_are_there() {
        let mut results = sample();
        results.verdict = crate::verdict::verdict(&results);
        let body = body(&results);
        for text in [
            "VALID with notes",
            "100k messages/s",
            "closed loop",
            "150 µs",
            "99.99 %",
            "A Processor",
            "&quot;seed&quot;: 1",
        ] {
            assert!(body.contains(text), "{text}");
        }
        assert!(!body.contains("SUSPECT") && !body.contains("class=\"summary suspect\""));
    }

    #[test]
    fn uncorrected_latencies_are_shown_when_there_are_some() {
        let mut results = sample();
        assert!(!body(&results).contains("uncorrected, from"));
        results.arguments.rate = Some(20_000.0);
        results.latency_uncorrected = Some(results.latency.clone());
        let body = body(&results);
        assert!(body.contains("<span class=\"key dashed\">uncorrected, from the send"));
        assert!(body.contains("open loop, target rate 20k/s"));
    }

    #[test]
    fn a_suspect_run_says_why() {
        let mut results = sample();
        results.arguments.verify = false;
        results.verdict = crate::verdict::verdict(&results);
        let body = body(&results);
        assert!(body.contains("<pre class=\"summary suspect\">"));
        assert!(body.contains("SUSPECT\n  - replies were not verified"));
    }

    #[test]
    fn a_run_without_a_reply_has_a_page() {
        let mut results = sample();
        results.elapsed_s = 0.0;
        results.throughput = f64::NAN;
        results.latency = Distribution::default();
        results.latency_uncorrected = Some(Distribution::default());
        results.messages = Messages::default();
        results.connections.replies.clear();
        results.noise_floor = None;
        results.series.clear();
        assert_eq!(body(&results).matches("Nothing to draw.").count(), 4);

        results.series = sample().series;
        for second in &mut results.series {
            second.throughput = 0.0;
            second.p50_us = None;
            second.p99_us = None;
        }
        assert_eq!(body(&results).matches("Nothing to draw.").count(), 3);
    }

    #[test]
    fn a_flat_a_zero_and_a_huge_curve_have_a_page() {
        let quantiles = [0.0, 0.5, 0.999, 1.0];
        for latency_us in [0.0, 1e-9, 40.0, 1e19, f64::MAX, f64::INFINITY] {
            for quantiles in [&quantiles[3..], &quantiles[..]] {
                let mut results = sample();
                results.latency.count = quantiles.len() as u64;
                results.latency.max_us = latency_us;
                results.latency.curve = quantiles
                    .iter()
                    .map(|&quantile| Point {
                        quantile,
                        latency_us,
                    })
                    .collect();
                results.series.truncate(1);
                results.series[0].p99_us = Some(latency_us);
                results.series[0].throughput = latency_us;
                body(&results);
            }
        }
    }
}
