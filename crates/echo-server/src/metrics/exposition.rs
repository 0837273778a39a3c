//! The statistics in Prometheus's text formats.

use std::{fmt, sync::Arc};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, text},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry,
};

use crate::{Traffic, registry::Registry, stats::Stats};

/// A text format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextFormat {
    /// `OpenMetrics` 1.0.
    OpenMetrics,
    /// Prometheus's own, supported by most tools.
    Text,
}

impl TextFormat {
    /// As the formats' specifications define it.
    pub(super) const fn media_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// All metrics; each scrape shows the statistics of that instant.
#[derive(Debug)]
pub(super) struct Exposition(registry::Registry);

impl Exposition {
    pub(super) fn new(stats: Arc<Registry>) -> Self {
        let mut metrics = registry::Registry::with_prefix("echo");
        metrics.register_collector(Box::new(Source(stats)));
        Self(metrics)
    }

    pub(super) fn text(&self, format: TextFormat) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = text::encode(&mut text, &self.0);
        match format {
            TextFormat::OpenMetrics => text,
            TextFormat::Text => plain(&text),
        }
    }
}

/// Converts to the older format: there a counter's `# HELP` and `# TYPE` have
/// the suffix too, and there is no `# EOF`.
fn plain(open: &str) -> String {
    let mut text = String::with_capacity(open.len());
    let mut help = "";
    for line in open.lines() {
        if line.starts_with("# HELP ") {
            help = line;
        } else if let Some((name, kind)) = described(line, "# TYPE ") {
            let suffix = if kind == "counter" { "_total" } else { "" };
            if let Some((name, what)) = described(help, "# HELP ") {
                text.extend(["# HELP ", name, suffix, " ", what, "\n"]);
            }
            text.extend(["# TYPE ", name, suffix, " ", kind, "\n"]);
        } else if !line.starts_with('#') {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

fn described<'a>(line: &'a str, keyword: &str) -> Option<(&'a str, &'a str)> {
    line.strip_prefix(keyword)?.split_once(' ')
}

#[derive(Debug)]
struct Source(Arc<Registry>);

impl Collector for Source {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let stats = self.0.stats();
        let mut metric = |name, help, value: &dyn EncodeMetric| {
            value.encode(encoder.encode_descriptor(name, help, None, value.metric_type())?)
        };
        for (name, help, count) in counters(&stats) {
            metric(name, help, &ConstCounter::new(count))?;
        }
        let live = ConstGauge::new(stats.live);
        metric("connections_live", "Live connections", &live)?;
        let qps = ConstGauge::new(stats.qps.round());
        metric("queries_per_second", "Frames in the last second", &qps)?;

        let mut family = encoder.encode_descriptor(
            "connections_closed",
            "Connections closed, by reason",
            None,
            MetricType::Counter,
        )?;
        for (close, count) in stats.closed.iter() {
            let reason = [("reason", close.name())];
            ConstCounter::new(count).encode(family.encode_family(&reason)?)?;
        }
        Ok(())
    }
}

/// All counters without labels: name, help, count. The format appends `_total`
/// to the names.
const fn counters(stats: &Stats) -> [(&'static str, &'static str, u64); 7] {
    let frames = "Frames echoed; of raw bytes, reads";
    let payload = "Bytes of payload, decompressed";
    let Traffic {
        frames: count,
        bytes,
        payload_bytes,
        reads,
        split_reads,
        writes,
    } = stats.traffic;
    [
        (
            "connections_accepted",
            "Connections accepted",
            stats.accepted,
        ),
        ("frames", frames, count),
        ("bytes", "Bytes echoed, headers included", bytes),
        ("payload_bytes", payload, payload_bytes),
        ("reads", "Reads that returned data", reads),
        (
            "split_reads",
            "Reads that ended inside a frame",
            split_reads,
        ),
        ("writes", "Writes that accepted data", writes),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_formats_have_the_same_samples() {
        let exposition = Exposition::new(Arc::default());
        let open = exposition.text(TextFormat::OpenMetrics);
        let plain = exposition.text(TextFormat::Text);
        let samples = |text: &str| -> Vec<String> {
            let lines = text.lines().filter(|line| !line.starts_with('#'));
            lines.map(str::to_owned).collect()
        };
        assert_eq!(samples(&open), samples(&plain));
        assert!(open.ends_with("# EOF\n"));
        assert!(open.contains("# TYPE echo_frames counter\n"), "{open}");
        assert!(
            plain.contains("# TYPE echo_frames_total counter\necho_frames_total 0\n"),
            "{plain}"
        );
        assert!(plain.contains("# HELP echo_frames_total Frames echoed"));
        assert!(plain.contains("# TYPE echo_connections_live gauge\n"));
        assert!(plain.contains("# HELP echo_connections_live "));
        assert!(!plain.contains("EOF"), "{plain}");
    }
}
