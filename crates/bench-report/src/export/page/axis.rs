//! One axis of a plot: the places of values and ticks on it.

use std::ops::Range;

use crate::format::{Count, Latency};

/// The range of values that can be drawn; others are drawn at its ends. A nanosecond
/// is 1e-3 µs; the upper end keeps sums of steps finite.
const SMALLEST: f64 = 1e-3;
const LARGEST: f64 = 1e300;

/// A range of latencies wider than this factor has a logarithmic axis.
const LINEAR_UP_TO: f64 = 20.0;

/// More ticks than this would crowd the axis.
const MOST_TICKS: usize = 10;

/// An axis that starts at 0 or, if it is logarithmic, near the lowest value. What lies
/// beyond its ends is drawn at them.
#[derive(Clone)]
pub(super) struct Axis {
    /// From a value to a length along the axis.
    scale: fn(f64) -> f64,
    ends: Range<f64>,
    ticks: Vec<f64>,
    label: fn(f64) -> String,
    pub(super) is_logarithmic: bool,
}

impl Axis {
    /// From 0 to `max`; ticks are at least `least_step` apart.
    pub(super) fn up_to(max: f64, least_step: f64, label: fn(f64) -> String) -> Self {
        let max = drawable(max);
        let step = round_step(max).max(least_step);
        Self::new(|value| value, 0.0..max, multiples(step), label)
    }

    /// The same, to the tick at `max` or above it.
    pub(super) fn above(max: f64, least_step: f64, label: fn(f64) -> String) -> Self {
        let max = drawable(max);
        let step = round_step(max).max(least_step);
        let end = step * (max / step).ceil();
        Self::new(|value| value, 0.0..end, multiples(step), label)
    }

    /// For latencies in microseconds; logarithmic over a wide range.
    pub(super) fn latency(latencies: impl Iterator<Item = f64> + Clone) -> Self {
        let max = drawable(latencies.clone().fold(0.0, f64::max));
        let min = latencies.fold(max, f64::min).max(SMALLEST);
        if max / min <= LINEAR_UP_TO {
            return Self::above(max, 0.0, latency_label);
        }
        let (ends, ticks) = decades_around(min, max);
        Self {
            is_logarithmic: true,
            ..Self::new(|us| us.max(SMALLEST).log10(), ends, ticks, latency_label)
        }
    }

    /// For quantiles: each step to the right leaves a tenth of the samples beyond it,
    /// down to one of `samples`.
    pub(super) fn quantiles(samples: u64) -> Self {
        let samples = samples.max(10) as f64;
        // Long labels need twice the room, as does any label on a long axis. Beyond
        // 14 nines an f64 has no digits left.
        let nines: &[i32] = if samples > 1e7 {
            &[2, 4, 6, 8, 10, 12, 14]
        } else {
            &[1, 2, 3, 4, 6]
        };
        let ticks = nines.iter().map(|&nines| 1.0 - 10_f64.powi(-nines));
        Self::new(
            |quantile| -(1.0 - quantile).max(f64::EPSILON).log10(),
            0.0..1.0 - 1.0 / samples,
            [0.5].into_iter().chain(ticks).collect(),
            quantile_label,
        )
    }

    fn new(
        scale: fn(f64) -> f64,
        ends: Range<f64>,
        ticks: Vec<f64>,
        label: fn(f64) -> String,
    ) -> Self {
        let mut axis = Self {
            scale,
            ends,
            ticks: Vec::new(),
            label,
            is_logarithmic: false,
        };
        // Rounding may put a tick just beyond the end.
        let on_axis = -1e-9..=1.0 + 1e-9;
        axis.ticks = ticks
            .into_iter()
            .filter(|&value| on_axis.contains(&axis.length(value)))
            .collect();
        axis
    }

    pub(super) fn ticks(&self) -> impl Iterator<Item = f64> {
        self.ticks.iter().copied()
    }

    pub(super) fn labels(&self) -> impl Iterator<Item = String> {
        self.ticks.iter().map(|&value| (self.label)(value))
    }

    /// The place of a value, in 0..=1.
    pub(super) fn place(&self, value: f64) -> f64 {
        self.length(value).clamp(0.0, 1.0)
    }

    fn length(&self, value: f64) -> f64 {
        let from = (self.scale)(self.ends.start);
        let to = (self.scale)(self.ends.end);
        ((self.scale)(value) - from) / (to - from)
    }
}

/// The same, or a substitute if no axis can end there.
fn drawable(max: f64) -> f64 {
    if max > SMALLEST {
        max.min(LARGEST)
    } else {
        1.0
    }
}

/// 1, 2 or 5 times a power of ten; at most six of them fit in `max`.
fn round_step(max: f64) -> f64 {
    let decade = 10_f64.powf(max.log10().floor());
    [0.2, 0.5, 1.0]
        .map(|factor| factor * decade)
        .into_iter()
        .find(|step| max / step <= 6.0)
        .unwrap_or(2.0 * decade)
}

fn multiples(step: f64) -> Vec<f64> {
    (0_u8..=7).map(|count| f64::from(count) * step).collect()
}

/// Round ends of an axis that includes both values, and the ticks between them.
fn decades_around(min: f64, max: f64) -> (Range<f64>, Vec<f64>) {
    let all = |factors: &'static [f64]| {
        (-3..=300).flat_map(move |decade| factors.iter().map(move |f| f * 10_f64.powi(decade)))
    };
    let steps = || all(&[1.0, 2.0, 5.0]);
    let from = steps()
        .take_while(|&step| step <= min)
        .last()
        .unwrap_or(min);
    let to = steps().find(|&step| step >= max).unwrap_or(max);

    let within = |step: &f64| (from..=to).contains(step);
    let ticks: Vec<f64> = steps().filter(within).collect();
    if ticks.len() <= MOST_TICKS {
        return (from..to, ticks);
    }
    let decades: Vec<f64> = all(&[1.0]).filter(within).collect();
    let every = decades.len().div_ceil(MOST_TICKS).max(1);
    (from..to, decades.into_iter().step_by(every).collect())
}

fn latency_label(us: f64) -> String {
    format!("{:#}", Latency(us))
}

/// A count in short form: `250k`.
pub(super) fn count_label(count: f64) -> String {
    format!("{:#}", Count(count))
}

pub(super) fn seconds_label(s: f64) -> String {
    format!("{:#} s", Count(s))
}

/// 0.999 is `99.9 %`.
fn quantile_label(quantile: f64) -> String {
    let percent = format!("{:.12}", quantile * 100.0);
    let percent = percent.trim_end_matches('0').trim_end_matches('.');
    format!("{percent} %")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<String> {
        axis.labels().collect()
    }

    #[test]
    fn an_even_axis_has_round_ticks() {
        let axis = Axis::above(87.0, 0.0, latency_label);
        assert_eq!(
            labels(&axis),
            ["0 µs", "20 µs", "40 µs", "60 µs", "80 µs", "100 µs"]
        );
        let axis = Axis::up_to(3.5, 0.0, seconds_label);
        assert_eq!(labels(&axis), ["0 s", "1 s", "2 s", "3 s"]);
        assert!((axis.place(3.5) - 1.0).abs() < 1e-9);
        assert_eq!(labels(&Axis::up_to(1.0, 1.0, count_label)), ["0", "1"]);
    }

    #[test]
    fn latencies_far_apart_are_placed_by_their_logarithm() {
        assert!(!Axis::latency([10.0, 200.0].into_iter()).is_logarithmic);
        let axis = Axis::latency([20.0, 900.0].into_iter());
        assert!(axis.is_logarithmic);
        assert_eq!(
            labels(&axis),
            ["20 µs", "50 µs", "100 µs", "200 µs", "500 µs", "1 ms"]
        );
        let axis = Axis::latency([1.0, 1e6].into_iter());
        assert_eq!(
            labels(&axis),
            ["1 µs", "10 µs", "100 µs", "1 ms", "10 ms", "100 ms", "1 s"]
        );
    }

    #[test]
    fn quantiles_are_labelled_as_far_as_the_samples_go() {
        assert_eq!(labels(&Axis::quantiles(1)), ["50 %", "90 %"]);
        let axis = Axis::quantiles(20_000);
        assert_eq!(labels(&axis), ["50 %", "90 %", "99 %", "99.9 %", "99.99 %"]);
        assert!((axis.place(1.0) - 1.0).abs() < 1e-9);
        assert!(axis.place(0.0).abs() < 1e-9);
        assert!(Axis::quantiles(u64::MAX).ticks.len() < 10);
    }

    #[test]
    fn any_range_has_ticks_within_it() {
        let values = [0.0, 1e-300, 1e-3, 0.3, 1.0, 9.99, 1e7, 1e19, f64::MAX];
        for max in values {
            for min in values.into_iter().filter(|&min| min <= max) {
                for axis in [
                    Axis::latency([min, max].into_iter()),
                    Axis::above(max, 0.0, count_label),
                    Axis::up_to(max, 1.0, count_label),
                ] {
                    assert!((1..=MOST_TICKS).contains(&axis.ticks.len()), "{min} {max}");
                    for place in axis.ticks.iter().map(|&tick| axis.place(tick)) {
                        assert!((0.0..=1.0).contains(&place), "{min} {max}: {place}");
                    }
                    assert!((0.0..=1.0).contains(&axis.place(min)), "{min} {max}");
                    assert!((0.0..=1.0).contains(&axis.place(max)), "{min} {max}");
                }
            }
        }
    }
}
