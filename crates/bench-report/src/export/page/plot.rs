//! The plots of the page: what each shows. `svg` draws them.

use super::{
    axis::{Axis, count_label, seconds_label},
    svg::{Curve, Plot, Stroke},
};
use crate::{
    capacity::Probe,
    results::{Results, Second},
    statistics::{Distribution, Spread},
};

/// Maximum points of a line or bars of a row: more could not be told apart.
const MOST_POINTS: usize = 500;

/// A plot with its title and legend.
pub(super) struct Figure {
    pub(super) title: String,
    pub(super) legend: &'static [(Stroke, &'static str)],
    /// Whether a part of it is shaded for the warm-up.
    pub(super) has_warmup: bool,
    /// `None` when there is nothing to draw.
    pub(super) svg: Option<String>,
}

/// Draws all plots of a run.
pub(super) fn figures(results: &Results) -> [Figure; 4] {
    [
        latency_by_percentile(results),
        latency_over_time(&results.series),
        throughput_over_time(&results.series),
        replies_by_connection(&results.connections.replies),
    ]
}

/// Draws what a search found: latency and throughput by target rate.
pub(super) fn capacity_figures(probes: &[Probe]) -> [Figure; 2] {
    let highest = probes.iter().map(|probe| probe.rate).fold(0.0, f64::max);
    let x = Axis::up_to(highest, 1.0, count_label);
    let plot = |y, lines| Plot {
        lines,
        ..Plot::new(x.clone(), y)
    };
    let mut latencies = by_rate(probes, Stroke::Dashed, |probe| probe.p50_us);
    latencies.extend(by_rate(probes, Stroke::Solid, |probe| probe.p99_us));
    let legend = &[(Stroke::Solid, "p99"), (Stroke::Dashed, "p50")];
    let throughput = by_rate(probes, Stroke::Solid, |probe| Some(probe.throughput));
    let most = probes.iter().map(|probe| probe.throughput);
    let y = Axis::above(most.fold(0.0, f64::max), 0.0, count_label);
    [
        figure(
            "Latency by target rate",
            legend,
            &plot(latency_axis(&latencies), latencies),
        ),
        figure("Throughput by target rate", &[], &plot(y, throughput)),
    ]
}

/// A dot for each probe, and a line through the median at each rate.
fn by_rate(probes: &[Probe], stroke: Stroke, value: fn(&Probe) -> Option<f64>) -> Vec<Curve> {
    let points = probes.iter().map(|probe| (probe.rate, value(probe)));
    let mut points: Vec<(f64, f64)> = points.filter_map(|(rate, y)| Some((rate, y?))).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let rates = points.chunk_by(|a, b| b.0 / a.0 < 1.0 + 1e-9);
    let medians = rates.filter_map(|same| {
        let values: Vec<f64> = same.iter().map(|point| point.1).collect();
        Some((same.first()?.0, Spread::of(&values)?.median))
    });
    let line = Curve {
        stroke,
        points: medians.collect(),
    };
    let dots = points.into_iter().map(|point| Curve {
        stroke,
        points: vec![point],
    });
    dots.chain([line]).collect()
}

fn latency_by_percentile(results: &Results) -> Figure {
    let corrected = &results.latency;
    let mut samples = corrected.count;
    let mut lines = vec![by_quantile(corrected, Stroke::Solid)];
    let mut legend: &[_] = &[];
    if let Some(uncorrected) = &results.latency_uncorrected {
        samples = samples.max(uncorrected.count);
        lines.push(by_quantile(uncorrected, Stroke::Dashed));
        legend = &[
            (Stroke::Solid, "corrected, from the intended start"),
            (Stroke::Dashed, "uncorrected, from the send"),
        ];
    }
    let axes = Plot::new(Axis::quantiles(samples), latency_axis(&lines));
    let plot = Plot { lines, ..axes };
    figure("Latency by percentile", legend, &plot)
}

fn latency_over_time(series: &[Second]) -> Figure {
    let mut lines = by_time(series, Stroke::Dashed, |second| second.p50_us);
    lines.extend(by_time(series, Stroke::Solid, |second| second.p99_us));
    let axes = Plot::new(time_axis(series), latency_axis(&lines));
    let plot = Plot {
        lines,
        warmup_to: warmup_to(series),
        ..axes
    };
    let legend = &[(Stroke::Solid, "p99"), (Stroke::Dashed, "p50")];
    figure("Latency over time", legend, &plot)
}

fn throughput_over_time(series: &[Second]) -> Figure {
    let throughputs = series.iter().map(|second| second.throughput);
    let y = Axis::above(throughputs.fold(0.0, f64::max), 0.0, count_label);
    let plot = Plot {
        lines: by_time(series, Stroke::Solid, |second| Some(second.throughput)),
        warmup_to: warmup_to(series),
        ..Plot::new(time_axis(series), y)
    };
    figure("Throughput over time, replies per second", &[], &plot)
}

fn replies_by_connection(replies: &[u64]) -> Figure {
    let mut sorted: Vec<f64> = replies.iter().map(|&replies| replies as f64).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    // Of more connections, bars at even steps from the first to the last.
    let bars = sorted.len().min(MOST_POINTS);
    let last = sorted.len().saturating_sub(1);
    let rank = |bar: usize| bar * last / bars.saturating_sub(1).max(1);
    let x = Axis::up_to(sorted.len() as f64, 1.0, count_label);
    let y = Axis::above(sorted.last().copied().unwrap_or(0.0), 1.0, count_label);
    let bars = (0..bars).filter_map(|bar| sorted.get(rank(bar)).copied());
    let plot = Plot {
        bars: bars.collect(),
        ..Plot::new(x, y)
    };
    figure("Replies by connection, fewest first", &[], &plot)
}

fn figure(title: &str, legend: &'static [(Stroke, &'static str)], plot: &Plot) -> Figure {
    let title = if plot.y.is_logarithmic {
        format!("{title}, logarithmic")
    } else {
        title.to_owned()
    };
    Figure {
        legend,
        has_warmup: plot.warmup_to.is_some(),
        svg: plot.draw(&title),
        title,
    }
}

fn by_quantile(distribution: &Distribution, stroke: Stroke) -> Curve {
    let points = distribution.curve.iter();
    Curve {
        stroke,
        points: points
            .map(|point| (point.quantile, point.latency_us))
            .filter(|(quantile, us)| quantile.is_finite() && us.is_finite())
            .collect(),
    }
}

/// A line for each stretch of seconds that have a value.
fn by_time(series: &[Second], stroke: Stroke, value: fn(&Second) -> Option<f64>) -> Vec<Curve> {
    let points: Vec<_> = series
        .iter()
        .map(|second| Some((second.elapsed_s, value(second)?)))
        .map(|point| point.filter(|(elapsed_s, value)| elapsed_s.is_finite() && value.is_finite()))
        .collect();
    // Two of each chunk are kept.
    let chunk = (2 * series.len()).div_ceil(MOST_POINTS).max(1);
    points
        .split(Option::is_none)
        .map(|stretch| Curve {
            stroke,
            points: stretch.chunks(chunk).flat_map(extremes).collect(),
        })
        .filter(|line| !line.points.is_empty())
        .collect()
}

/// The lowest and the highest point, in order of time: what a line through all points
/// would show.
fn extremes(points: &[Option<(f64, f64)>]) -> Vec<(f64, f64)> {
    let points = || points.iter().flatten().copied();
    let lowest = points().min_by(|a, b| a.1.total_cmp(&b.1));
    let highest = points().max_by(|a, b| a.1.total_cmp(&b.1));
    let mut extremes: Vec<_> = lowest.into_iter().chain(highest).collect();
    extremes.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    extremes.dedup();
    extremes
}

fn latency_axis(lines: &[Curve]) -> Axis {
    Axis::latency(
        lines
            .iter()
            .flat_map(|line| &line.points)
            .map(|&(_, us)| us),
    )
}

fn time_axis(series: &[Second]) -> Axis {
    let ends = series.iter().map(|second| second.elapsed_s);
    Axis::up_to(ends.fold(0.0, f64::max), 0.0, seconds_label)
}

fn warmup_to(series: &[Second]) -> Option<f64> {
    let warmup = series.iter().rfind(|second| second.warmup)?;
    Some(warmup.elapsed_s)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{capacity::ProbeOutcome, results::sample};

    fn seconds(p99_us: &[Option<f64>]) -> Vec<Second> {
        let series = sample().series.into_iter().cycle();
        let numbered = (1_u32..).zip(series.zip(p99_us));
        numbered
            .map(|(elapsed_s, (second, &p99_us))| Second {
                elapsed_s: elapsed_s.into(),
                p99_us,
                ..second
            })
            .collect()
    }

    #[test]
    fn seconds_without_replies_part_the_line() {
        let series = seconds(&[Some(1.0), None, Some(2.0), Some(3.0), Some(f64::NAN)]);
        let lines = by_time(&series, Stroke::Solid, |second| second.p99_us);
        let points: Vec<_> = lines.into_iter().map(|line| line.points).collect();
        assert_eq!(points, [vec![(1.0, 1.0)], vec![(3.0, 2.0), (4.0, 3.0)]]);
    }

    #[test]
    fn a_day_keeps_its_worst_second() {
        let mut latencies = vec![Some(50.0); 86_400];
        latencies[40_000] = Some(7_000.0);
        let series = seconds(&latencies);
        let lines = by_time(&series, Stroke::Solid, |second| second.p99_us);
        assert_eq!(lines.len(), 1);
        assert!(lines[0].points.len() <= MOST_POINTS + 2);
        assert!(lines[0].points.contains(&(40_001.0, 7_000.0)));
    }

    #[test]
    fn the_warmup_is_shaded() {
        let mut results = sample();
        assert!(figures(&results).iter().all(|f| !f.has_warmup));
        results.series[1].warmup = true;
        let figures = figures(&results);
        let shaded: Vec<_> = figures.iter().map(|figure| figure.has_warmup).collect();
        assert_eq!(shaded, [false, true, true, false]);
    }

    #[test]
    fn a_search_has_a_dot_per_probe_and_a_line_of_medians() {
        let probe = |rate, p99_us| Probe {
            rate,
            outcome: ProbeOutcome::Met,
            throughput: rate,
            p50_us: None,
            p99_us: Some(p99_us),
            reason: None,
        };
        let probes = [probe(2.0, 9.0), probe(1.0, 3.0), probe(2.0, 5.0)];
        let curves = by_rate(&probes, Stroke::Solid, |probe| probe.p99_us);
        let points: Vec<_> = curves.into_iter().map(|curve| curve.points).collect();
        let (dots, line) = (
            [(1.0, 3.0), (2.0, 9.0), (2.0, 5.0)],
            [(1.0, 3.0), (2.0, 7.0)],
        );
        assert_eq!(points[..3], dots.map(|dot| vec![dot]));
        assert_eq!(points[3], line);
    }

    #[test]
    fn there_is_a_plot_for_one_and_for_many_connections() {
        for connections in [1_u64, 2, 300, 5_000] {
            let replies: Vec<u64> = (0..connections).collect();
            let svg = replies_by_connection(&replies).svg.unwrap();
            assert!(svg.len() < 60_000, "{connections}: {} bytes", svg.len());
        }
        assert!(replies_by_connection(&[]).svg.is_none());
        assert!(replies_by_connection(&[0, 0]).svg.is_some());
        assert!(replies_by_connection(&[u64::MAX]).svg.is_some());
    }
}
