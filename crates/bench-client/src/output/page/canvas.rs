//! Draws a plot as SVG.
//!
//! It is drawn in the colours of the light theme. `page.css` finds each of
//! them by its value, to put the one of the reader's theme in its place.

use anyhow::Result;
use plotters::{
    coord::ranged1d::Ranged,
    prelude::{ChartBuilder, Circle, IntoDrawingArea, PathElement, Polygon, Rectangle, SVGBackend},
    style::{Color, IntoFont, RGBColor},
};

use super::axis::Axis;

/// Drawn larger than shown, because only whole units can be drawn.
const SIZE: (u32, u32) = (1000, 540);
const FONT_SIZE: u32 = 34;
/// More than a label of `FONT_SIZE` needs: no font is at hand to measure it.
const CHARACTER_WIDTH: usize = 17;
const TICK_SIZE: u32 = 8;
const LINE_WIDTH: u32 = 4;

/// As many bars have a gap between them; more would have none wide enough.
const MOST_GAPS: usize = 100;

const SOLID: RGBColor = RGBColor(0x00, 0x5F, 0xA3);
const DASHED: RGBColor = RGBColor(0xB3, 0x47, 0x00);
const TEXT: RGBColor = RGBColor(0x4D, 0x4D, 0x4D);
const GRID: RGBColor = RGBColor(0xD6, 0xD6, 0xD6);
const WARMUP: RGBColor = RGBColor(0xE6, 0xE6, 0xE6);

/// What is drawn, in the units of its axes.
pub(super) struct Canvas {
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) lines: Vec<Line>,
    /// Heights, side by side over the whole width.
    pub(super) bars: Vec<f64>,
    /// Shaded from the left up to here.
    pub(super) warmup_to: Option<f64>,
}

pub(super) struct Line {
    pub(super) stroke: Stroke,
    pub(super) points: Vec<(f64, f64)>,
}

/// Lines differ in more than their colour.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Stroke {
    Solid,
    /// The style sheet makes the dashes, by the colour.
    Dashed,
}

impl Canvas {
    /// The plot, or `None` if there is nothing on it.
    pub(super) fn draw(self, label: &str) -> Result<Option<String>> {
        if self.bars.is_empty() && self.lines.iter().all(|line| line.points.is_empty()) {
            return Ok(None);
        }
        let mut svg = String::new();
        self.draw_into(&mut svg)?;
        let opening = format!("<svg role=\"img\" aria-label=\"{label}\" ");
        Ok(Some(svg.replacen("<svg ", &opening, 1)))
    }

    fn draw_into(self, svg: &mut String) -> Result<()> {
        let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
        let characters = self.y.labels().map(|label| label.chars().count());
        let left = u32::try_from(characters.max().unwrap_or(0) * CHARACTER_WIDTH)?;
        let outline = outline_of(&self.bars, self.x.range().end);
        let mut chart = ChartBuilder::on(&root)
            .margin_top(FONT_SIZE)
            // Half of the last label is to the right of its tick.
            .margin_right(2 * FONT_SIZE + TICK_SIZE)
            .x_label_area_size(FONT_SIZE + 2 * TICK_SIZE)
            .y_label_area_size(left + 2 * TICK_SIZE)
            .build_cartesian_2d(self.x, self.y)?;

        if let Some(end) = self.warmup_to {
            let corners = [(0.0, 0.0), (end, f64::INFINITY)];
            chart.draw_series([Rectangle::new(corners, WARMUP.filled())])?;
        }
        chart
            .configure_mesh()
            .set_all_tick_mark_size(TICK_SIZE)
            .label_style(("sans-serif", FONT_SIZE).into_font().color(&TEXT))
            .axis_style(TEXT)
            .bold_line_style(GRID)
            .draw()?;
        if !self.bars.is_empty() {
            chart.draw_series([Polygon::new(outline, SOLID.filled())])?;
        }
        for line in self.lines {
            let colour = match line.stroke {
                Stroke::Solid => SOLID,
                Stroke::Dashed => DASHED,
            };
            if let [point] = *line.points {
                // A path of one point shows nothing.
                chart.draw_series([Circle::new(point, 2 * LINE_WIDTH, colour.filled())])?;
            } else {
                let style = colour.stroke_width(LINE_WIDTH);
                chart.draw_series([PathElement::new(line.points, style)])?;
            }
        }
        root.present()?;
        Ok(())
    }
}

/// One polygon: a fraction of the size of as many rectangles.
fn outline_of(bars: &[f64], width: f64) -> Vec<(f64, f64)> {
    let gap = if bars.len() > MOST_GAPS { 0.0 } else { 0.1 };
    let x = |bar: f64| bar * width / bars.len() as f64;
    let outline = bars.iter().enumerate().flat_map(|(bar, &height)| {
        let left = x(bar as f64 + gap);
        let right = x((bar + 1) as f64 - gap);
        [(left, 0.0), (left, height), (right, height), (right, 0.0)]
    });
    outline.collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::output::page::{STYLE, quantity};

    fn canvas(points: &[(f64, f64)]) -> Canvas {
        Canvas {
            x: Axis::up_to(10.0, 1.0, quantity::tick),
            y: Axis::above(10.0, 1.0, quantity::tick),
            lines: [Stroke::Solid, Stroke::Dashed]
                .map(|stroke| Line {
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
        assert!(canvas(&[]).draw("none").unwrap().is_none());
        let svg = canvas(&[(1.0, 1.0)]).draw("a dot").unwrap().unwrap();
        assert!(svg.contains("<circle"));
        assert!(!svg.contains("<polyline fill=\"none\" opacity=\"1\" stroke=\"#005FA3"));
        assert!(svg.starts_with("<svg role=\"img\" aria-label=\"a dot\" "));
    }

    #[test]
    fn the_style_sheet_knows_every_colour() {
        let svg = canvas(&[(1.0, 1.0), (2.0, 5.0)])
            .draw("a line")
            .unwrap()
            .unwrap();
        let colours = |attribute: &str| -> Vec<String> {
            svg.split(attribute)
                .skip(1)
                .filter(|rest| rest.starts_with('#'))
                .map(|rest| format!("[{attribute}{}\"]", &rest[..7]))
                .collect()
        };
        let colours: Vec<_> = [colours("fill=\""), colours("stroke=\"")].concat();
        assert!(colours.len() > 10);
        for selector in colours {
            assert!(STYLE.contains(&selector), "{selector}");
        }
    }
}
