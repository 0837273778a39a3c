//! Draws a plot as SVG. The page's style sheet sets the colours, by class.

use std::fmt::Write as _;

use super::axis::Axis;

/// The drawing and its margins, in units of the view box: about half a pixel on the
/// page.
const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 540.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 46.0;
/// Half of the last label is to the right of its tick.
const RIGHT: f64 = 64.0;
/// An upper bound of a character's width: without the font it cannot be measured.
const CHARACTER: f64 = 18.0;
/// Between a label and its tick.
const GAP: f64 = 16.0;
/// From the middle of a line of text to its base.
const MIDDLE: f64 = 10.0;

/// Maximum bars with gaps between them; the gaps of more would be too narrow.
const MOST_GAPS: usize = 100;

/// What is drawn, in the units of its axes.
pub(super) struct Plot {
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) lines: Vec<Curve>,
    /// Heights, side by side over the whole width.
    pub(super) bars: Vec<f64>,
    /// End of the shaded warm-up.
    pub(super) warmup_to: Option<f64>,
}

pub(super) struct Curve {
    pub(super) stroke: Stroke,
    pub(super) points: Vec<(f64, f64)>,
}

/// Lines differ in their dashes as well as in colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stroke {
    Solid,
    Dashed,
}

impl Stroke {
    /// Its class in the style sheet.
    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::Solid => "solid",
            Self::Dashed => "dashed",
        }
    }
}

impl Plot {
    /// An empty plot.
    pub(super) fn new(x: Axis, y: Axis) -> Self {
        Self {
            x,
            y,
            lines: Vec::new(),
            bars: Vec::new(),
            warmup_to: None,
        }
    }

    /// The drawing, or `None` if the plot is empty.
    pub(super) fn draw(&self, label: &str) -> Option<String> {
        if self.bars.is_empty() && self.lines.iter().all(|line| line.points.is_empty()) {
            return None;
        }
        let mut svg = format!(
            "<svg role=\"img\" aria-label=\"{label}\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             xmlns=\"http://www.w3.org/2000/svg\">\n"
        );
        // Writing to a string does not fail.
        self.draw_parts(&mut svg).ok()?;
        Some(svg + "</svg>\n")
    }

    fn draw_parts(&self, svg: &mut String) -> std::fmt::Result {
        self.draw_warmup(svg)?;
        self.draw_axes(svg)?;
        self.draw_bars(svg)?;
        self.lines
            .iter()
            .try_for_each(|line| self.draw_line(svg, line))
    }

    /// Left end of the area between the axes.
    fn left(&self) -> f64 {
        let labels = self.y.labels().map(|label| label.chars().count());
        labels.max().unwrap_or(0) as f64 * CHARACTER + GAP
    }

    fn x_at(&self, value: f64) -> f64 {
        let left = self.left();
        left + self.x.place(value) * (WIDTH - RIGHT - left)
    }

    fn y_at(&self, value: f64) -> f64 {
        TOP + (1.0 - self.y.place(value)) * (HEIGHT - TOP - BOTTOM)
    }

    fn draw_warmup(&self, svg: &mut String) -> std::fmt::Result {
        let Some(end) = self.warmup_to else {
            return Ok(());
        };
        let (left, height) = (self.left(), HEIGHT - TOP - BOTTOM);
        let width = self.x_at(end) - left;
        writeln!(
            svg,
            "<rect class=\"warmup\" x=\"{left:.1}\" y=\"{TOP}\" width=\"{width:.1}\" \
             height=\"{height}\"/>"
        )
    }

    fn draw_axes(&self, svg: &mut String) -> std::fmt::Result {
        let (left, right, bottom) = (self.left(), WIDTH - RIGHT, HEIGHT - BOTTOM);
        for (value, label) in self.x.ticks().zip(self.x.labels()) {
            let (x, base) = (self.x_at(value), bottom + GAP + 2.0 * MIDDLE);
            writeln!(
                svg,
                "<path class=\"grid\" d=\"M{x:.1} {TOP}V{bottom}\"/>\
                 <text x=\"{x:.1}\" y=\"{base}\" text-anchor=\"middle\">{label}</text>"
            )?;
        }
        for (value, label) in self.y.ticks().zip(self.y.labels()) {
            let (y, end) = (self.y_at(value), left - GAP);
            let base = y + MIDDLE;
            writeln!(
                svg,
                "<path class=\"grid\" d=\"M{left:.1} {y:.1}H{right}\"/>\
                 <text x=\"{end:.1}\" y=\"{base:.1}\" text-anchor=\"end\">{label}</text>"
            )?;
        }
        writeln!(
            svg,
            "<path class=\"axis\" d=\"M{left:.1} {TOP}V{bottom}H{right}\"/>"
        )
    }

    /// Draws one outline: it takes a fraction of the bytes of as many rectangles.
    fn draw_bars(&self, svg: &mut String) -> std::fmt::Result {
        let count = self.bars.len() as f64;
        if self.bars.is_empty() {
            return Ok(());
        }
        let has_gaps = self.bars.len() <= MOST_GAPS;
        let gap = if has_gaps { 0.1 } else { 0.0 };
        let (left, bottom) = (self.left(), HEIGHT - BOTTOM);
        let x_at = |bar: f64| left + bar / count * (WIDTH - RIGHT - left);
        write!(svg, "<path class=\"bars\" d=\"M{left:.1} {bottom}")?;
        for (bar, &height) in self.bars.iter().enumerate() {
            let (from, to) = (x_at(bar as f64 + gap), x_at((bar + 1) as f64 - gap));
            let top = self.y_at(height);
            write!(svg, "H{from:.1}V{top:.1}H{to:.1}V{bottom}")?;
        }
        writeln!(svg, "Z\"/>")
    }

    fn draw_line(&self, svg: &mut String, line: &Curve) -> std::fmt::Result {
        let class = line.stroke.class();
        let points = line.points.iter();
        let mut points = points.map(|&(x, y)| (self.x_at(x), self.y_at(y)));
        if line.points.len() == 1
            && let Some((x, y)) = points.next()
        {
            // A line of one point would be invisible.
            return writeln!(
                svg,
                "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"8\"/>"
            );
        }
        write!(svg, "<polyline class=\"{class}\" points=\"")?;
        for (x, y) in points {
            write!(svg, "{x:.1},{y:.1} ")?;
        }
        writeln!(svg, "\"/>")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::export::page::axis::count_label;

    fn plot(points: &[(f64, f64)]) -> Plot {
        Plot {
            x: Axis::up_to(10.0, 1.0, count_label),
            y: Axis::above(10.0, 1.0, count_label),
            lines: [Stroke::Solid, Stroke::Dashed]
                .map(|stroke| Curve {
                    stroke,
                    points: points.to_vec(),
                })
                .into(),
            bars: Vec::new(),
            warmup_to: Some(3.0),
        }
    }

    #[test]
    fn nothing_is_no_plot_and_one_point_is_a_dot() {
        assert_eq!(plot(&[]).draw("none"), None);
        let svg = plot(&[(1.0, 1.0)]).draw("a dot").unwrap();
        assert_eq!(svg.matches("<circle").count(), 2);
        assert!(!svg.contains("<polyline"));
        assert!(svg.starts_with("<svg role=\"img\" aria-label=\"a dot\" "));
    }

    #[test]
    fn values_lie_between_the_axes() {
        // Two characters of labels on the left: 52, and the right end is 936.
        let svg = plot(&[(0.0, 0.0), (5.0, 5.0), (10.0, 10.0)])
            .draw("lines")
            .unwrap();
        let points = "points=\"52.0,494.0 494.0,262.0 936.0,30.0 \"";
        assert_eq!(svg.matches(points).count(), 2, "{svg}");
        assert!(svg.contains("<polyline class=\"dashed\""), "{svg}");
        assert!(
            svg.contains("class=\"warmup\" x=\"52.0\" y=\"30\" width=\"265.2\""),
            "{svg}"
        );
    }

    #[test]
    fn bars_have_gaps_until_there_are_too_many() {
        let bars = |count: usize| Plot {
            bars: vec![10.0; count],
            lines: Vec::new(),
            ..plot(&[])
        };
        let svg = bars(2).draw("bars").unwrap();
        assert!(
            svg.contains("H96.2V30.0H449.8V494H538.2V30.0H891.8V494Z"),
            "{svg}"
        );
        let svg = bars(101).draw("bars").unwrap();
        assert!(svg.contains("M52.0 494H52.0V30.0H60.8V494H60.8"), "{svg}");
    }
}
