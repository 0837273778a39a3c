//! The page of `--report`: one run, to be read without anything else.

mod axis;
mod canvas;
mod plot;
mod quantity;
mod tables;

use std::{fmt::Write as _, io::Write as _, path::Path};

use anyhow::Result;

use self::{canvas::Stroke, plot::Figure, tables::Table};
use super::{Export, file::OutputFile};
use crate::{
    results::{Arguments, Results, Verdict},
    verdict,
};

pub(super) const STYLE: &str = include_str!("style.css");

/// The file that the page goes to.
pub(crate) struct PageFile(OutputFile);

impl PageFile {
    pub(crate) fn create(path: &Path) -> Result<Self> {
        OutputFile::create(path).map(Self)
    }
}

impl Export for PageFile {
    fn finish(mut self: Box<Self>, results: &Results) -> Result<()> {
        let page = page(results).map_err(|error| self.0.error(error))?;
        let written = self.0.write_all(page.as_bytes());
        written.map_err(|error| self.0.error(error))?;
        self.0.finish()
    }
}

/// Writes the page as a whole HTML document.
///
/// # Errors
///
/// When the plots cannot be drawn; see [`plot::figures`].
fn page(results: &Results) -> Result<String> {
    let host = escape(&results.target.address);
    let what = escape(&describe(&results.arguments));
    let started = escape(&results.started);
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{host}: bench-client</title>\n<style>\n{STYLE}</style>\n</head>\n\
         <body>\n<main>\n<h1>{host}</h1>\n<p>{what}</p>\n\
         <p class=\"muted\">Started {started}</p>\n"
    );
    write_verdict(&mut page, &results.verdict)?;

    page.push_str("<div class=\"cards\">\n");
    for table in tables::tables(results) {
        write_table(&mut page, &table)?;
    }
    page.push_str("</div>\n<div class=\"plots\">\n");
    for figure in plot::figures(results)? {
        write_figure(&mut page, &figure)?;
    }
    page.push_str("</div>\n</main>\n</body>\n</html>\n");
    Ok(page)
}

fn describe(arguments: &Arguments) -> String {
    let Arguments {
        wire, size, rate, ..
    } = arguments;
    let connections = match arguments.connections {
        1 => "1 connection".to_owned(),
        more => format!("{} connections", quantity::count(more)),
    };
    let pipeline = quantity::count(arguments.pipeline);
    let pace = match *rate {
        Some(rate) => format!("open loop of {} messages/s", quantity::exact(rate)),
        None => "closed loop".to_owned(),
    };
    let server = if arguments.with_server {
        ", server in the same process"
    } else {
        ""
    };
    format!(
        "{wire}, {size} bytes per message, {connections} with up to {pipeline} in flight on each, \
         {pace}{server}"
    )
}

fn write_verdict(page: &mut String, verdict: &Verdict) -> Result<()> {
    let (class, meaning) = if verdict.valid {
        ("verdict", "no figure is in doubt.")
    } else {
        ("verdict suspect", "a figure may be wrong.")
    };
    let outcome = verdict::outcome(verdict);
    write!(
        page,
        "<section class=\"{class}\"><strong>{outcome}</strong>: {meaning}"
    )?;
    for (title, lines) in [("Reasons", &verdict.reasons), ("Notes", &verdict.notes)] {
        if !lines.is_empty() {
            write!(page, "\n<h2>{title}</h2>\n<ul>\n")?;
            for line in lines {
                writeln!(page, "<li>{}</li>", escape(line))?;
            }
            page.push_str("</ul>\n");
        }
    }
    page.push_str("</section>\n");
    Ok(())
}

fn write_table(page: &mut String, table: &Table) -> Result<()> {
    let class = if table.head.is_empty() {
        " class=\"list\""
    } else {
        ""
    };
    let title = escape(table.title);
    writeln!(page, "<section>\n<h2>{title}</h2>\n<table{class}>")?;
    if !table.head.is_empty() {
        page.push_str("<tr><th></th>");
        for name in &table.head {
            write!(page, "<th scope=\"col\">{}</th>", escape(name))?;
        }
        page.push_str("</tr>\n");
    }
    for (name, cells) in &table.rows {
        write!(page, "<tr><th scope=\"row\">{}</th>", escape(name))?;
        for cell in cells {
            write!(page, "<td>{}</td>", escape(cell))?;
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</table>\n</section>\n");
    Ok(())
}

fn write_figure(page: &mut String, figure: &Figure) -> Result<()> {
    let title = &figure.title;
    write!(page, "<figure>\n<figcaption>\n<h2>{title}</h2>\n")?;
    let Some(svg) = &figure.svg else {
        page.push_str("</figcaption>\n<p class=\"muted\">Nothing to draw.</p>\n</figure>\n");
        return Ok(());
    };
    for (stroke, name) in figure.legend {
        let class = match stroke {
            Stroke::Solid => "key",
            Stroke::Dashed => "key dashed",
        };
        writeln!(page, "<span class=\"{class}\">{name}</span>")?;
    }
    if figure.has_warmup {
        page.push_str("<span class=\"key warmup\">warm-up</span>\n");
    }
    write!(page, "</figcaption>\n{svg}</figure>\n")?;
    Ok(())
}

/// Makes text from a user or a peer safe in an element.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::results::{Distribution, Expectation, Messages, Point, sample};

    /// What a reader sees; no number in it is left undefined.
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
        assert!(page.matches("&lt;script&gt;").count() >= 12);
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
    fn the_figures_of_the_run_are_there() {
        let body = body(&sample());
        for text in [
            "VALID",
            "100\u{202f}000/s",
            "closed loop",
            "150\u{202f}µs",
            "99.99\u{202f}%",
            "A Processor",
            ">seed<",
        ] {
            assert!(body.contains(text), "{text}");
        }
        assert!(!body.contains("SUSPECT"));
    }

    #[test]
    fn uncorrected_latencies_are_shown_when_there_are_some() {
        let mut results = sample();
        assert!(!body(&results).contains("uncorrected"));
        results.arguments.rate = Some(20_000.0);
        results.latency_uncorrected = Some(results.latency.clone());
        let body = body(&results);
        assert!(body.contains("<th scope=\"col\">uncorrected</th>"));
        assert!(body.contains("<span class=\"key dashed\">uncorrected"));
        assert!(body.contains("open loop of 20\u{202f}000 messages/s"));
    }

    #[test]
    fn a_suspect_run_says_why() {
        let mut results = sample();
        results.verdict.valid = false;
        results.verdict.reasons = vec!["the client used 98 % of a processor".to_owned()];
        results.failures.insert("reset".to_owned(), 12_345);
        results.expectations.push(Expectation {
            text: "p99 < 1ms".to_owned(),
            measured: Some(2.5),
            met: false,
            samples_needed: None,
        });
        let body = body(&results);
        for text in [
            "SUSPECT",
            "<li>the client used 98 % of a processor</li>",
            "12\u{202f}345",
            "p99 &lt; 1ms",
            "missed",
        ] {
            assert!(body.contains(text), "{text}");
        }
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
