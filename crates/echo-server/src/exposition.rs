//! The statistics in the text format that Prometheus reads: `OpenMetrics` 1.0.

use std::{fmt, sync::Arc};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, text},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry,
};

use crate::registry::{Registry, Stats};

/// The format's media type, by its specification.
pub(crate) const TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All metrics; each scrape shows the statistics of its own instant.
#[derive(Debug)]
pub(crate) struct Exposition(registry::Registry);

impl Exposition {
    pub(crate) fn new(stats: Arc<Registry>) -> Self {
        let mut metrics = registry::Registry::with_prefix("echo");
        metrics.register_collector(Box::new(Source(stats)));
        Self(metrics)
    }

    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = text::encode(&mut text, &self.0);
        text
    }
}

#[derive(Debug)]
struct Source(Arc<Registry>);

impl Collector for Source {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Stats {
            accepted,
            closed,
            live,
            traffic,
            qps,
        } = self.0.stats();
        let mut metric = |name, help, value: &dyn EncodeMetric| {
            value.encode(encoder.encode_descriptor(name, help, None, value.metric_type())?)
        };
        // The format appends _total to counters.
        for (name, help, count) in [
            ("connections_accepted", "Connections accepted", accepted),
            (
                "frames",
                "Frames echoed; of bare bytes, reads",
                traffic.frames,
            ),
            ("bytes", "Bytes echoed, headers included", traffic.bytes),
            (
                "payload_bytes",
                "Bytes of payload, decompressed",
                traffic.payload_bytes,
            ),
            ("reads", "Reads that brought something", traffic.reads),
            (
                "split_reads",
                "Reads that ended inside a frame",
                traffic.split_reads,
            ),
            ("writes", "Writes that took something", traffic.writes),
        ] {
            metric(name, help, &ConstCounter::new(count))?;
        }
        let live = ConstGauge::new(live);
        metric("connections_live", "Connections that are alive", &live)?;
        let qps = ConstGauge::new(qps.round());
        metric("queries_per_second", "Frames in the last second", &qps)?;

        let mut family = encoder.encode_descriptor(
            "connections_closed",
            "Connections closed, by reason",
            None,
            MetricType::Counter,
        )?;
        for (close, count) in closed.iter() {
            let reason = [("reason", close.name())];
            ConstCounter::new(count).encode(family.encode_family(&reason)?)?;
        }
        Ok(())
    }
}
