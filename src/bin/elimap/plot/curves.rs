//! Density and distribution function over time.

use anyhow::Result;
use plotters::coord::Shift;
use plotters::prelude::*;

use crate::plot::{BLUE, GREY, ORANGE, Picture, SANS, failed};

/// What is drawn: values at ascending times, two panels over one axis.
pub(crate) struct Curves {
    pub(crate) title: String,
    pub(crate) axis: String,
    pub(crate) times: Vec<f64>,
    pub(crate) pdf: Vec<f64>,
    pub(crate) cdf: Vec<f64>,
    pub(crate) mean: f64,
    /// Whether times are numbers of steps, whose probabilities are bars.
    pub(crate) is_discrete: bool,
}

impl Picture for Curves {
    fn size(&self) -> (u32, u32) {
        (860, 740)
    }

    fn paint<DB: DrawingBackend>(&self, area: &DrawingArea<DB, Shift>, scale: u32) -> Result<()> {
        let unit = scale as i32;
        let title = (SANS, 24 * unit).into_font();
        let area = area.margin(14 * unit, 0, 0, 0);
        let area = area.titled(&self.title, title).map_err(failed)?;
        let (upper, lower) = area.split_vertically(345 * unit);
        let density = Panel {
            values: &self.pdf,
            name: match self.is_discrete {
                true => "probability",
                false => "density",
            },
            has_bars: self.is_discrete,
            top: self.pdf.iter().copied().fold(0.0, f64::max) * 1.08,
            color: BLUE,
        };
        let distribution = Panel {
            values: &self.cdf,
            name: "probability by then",
            has_bars: false,
            top: 1.04,
            color: ORANGE,
        };
        self.panel(&upper, &density, scale)?;
        self.panel(&lower, &distribution, scale)
    }
}

struct Panel<'a> {
    values: &'a [f64],
    name: &'static str,
    has_bars: bool,
    top: f64,
    color: RGBColor,
}

impl Curves {
    fn panel<DB: DrawingBackend>(
        &self,
        area: &DrawingArea<DB, Shift>,
        panel: &Panel<'_>,
        scale: u32,
    ) -> Result<()> {
        let unit = scale as i32;
        let first = self.times.first().copied().unwrap_or(0.0);
        let last = self.times.last().copied().unwrap_or(1.0);
        let last = if last > first { last } else { first + 1.0 };
        let top = if panel.top > 0.0 { panel.top } else { 1.0 };
        let mut chart = ChartBuilder::on(area)
            .margin(12 * unit)
            .margin_right(28 * unit)
            .x_label_area_size(48 * unit)
            .y_label_area_size(84 * unit)
            .build_cartesian_2d(first..last, 0.0..top)
            .map_err(failed)?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(RGBColor(225, 225, 225).stroke_width(scale))
            .axis_style(GREY.stroke_width(scale))
            .x_labels(9)
            .y_labels(6)
            .set_all_tick_mark_size(5 * unit)
            .label_style((SANS, 16 * unit))
            .axis_desc_style((SANS, 18 * unit))
            .x_desc(&self.axis)
            .y_desc(panel.name)
            .x_label_formatter(&|x| short(*x))
            .y_label_formatter(&|y| short(*y))
            .draw()
            .map_err(failed)?;
        let points = || self.times.iter().copied().zip(panel.values.iter().copied());
        let line = panel.color.stroke_width(2 * scale + scale / 2);
        if panel.has_bars {
            let bars = points().map(|(x, y)| PathElement::new([(x, 0.0), (x, y)], line));
            chart.draw_series(bars).map_err(failed)?;
        } else {
            // Between numbers of steps nothing happens.
            let later = points().skip(1).map(|(x, _)| x);
            let stairs = points()
                .zip(later)
                .flat_map(|((x, y), next)| [(x, y), (next, y)]);
            let path: Vec<(f64, f64)> = match self.is_discrete {
                true => stairs.chain(points().next_back()).collect(),
                false => points().collect(),
            };
            let series = AreaSeries::new(path, 0.0, panel.color.mix(0.12)).border_style(line);
            chart.draw_series(series).map_err(failed)?;
        }
        if first <= self.mean && self.mean <= last {
            let mean = [(self.mean, 0.0), (self.mean, top)];
            let dashes =
                DashedLineSeries::new(mean, 6 * scale, 5 * scale, GREY.stroke_width(scale));
            chart.draw_series(dashes).map_err(failed)?;
            // Beside the line, on the side with more room, below what the curve may reach.
            let (x, y) = chart.backend_coord(&(self.mean, top * 0.94));
            let right = self.mean < 0.5 * (first + last);
            let text = format!("mean {}", short(self.mean));
            let style = TextStyle::from((SANS, 16 * unit).into_font()).color(&GREY);
            let width = text.chars().count() as i32 * 9 * unit;
            let x = if right {
                x + 8 * unit
            } else {
                x - width - 4 * unit
            };
            let (left, up) = area.get_base_pixel();
            let at = (x - left, y - up);
            let corner = (at.0 + width, at.1 + 17 * unit);
            area.draw(&Rectangle::new([at, corner], WHITE.mix(0.8).filled()))
                .map_err(failed)?;
            area.draw(&Text::new(text, at, style)).map_err(failed)?;
        }
        Ok(())
    }
}

/// A number as an axis shows it.
pub(crate) fn short(x: f64) -> String {
    let size = x.abs();
    if size != 0.0 && !(1e-3..1e5).contains(&size) {
        let text = format!("{x:.2e}");
        return match text.split_once('e') {
            Some((digits, exponent)) => {
                let digits = digits.trim_end_matches('0').trim_end_matches('.');
                format!("{digits}e{exponent}")
            }
            None => text,
        };
    }
    let decimals = if size >= 100.0 { 1 } else { 4 };
    let text = format!("{x:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}
