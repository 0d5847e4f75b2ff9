//! Plots, as SVG.

use anyhow::anyhow;
use plotters::coord::ranged1d::Ranged;
use plotters::prelude::*;

use super::report::Point;

/// Colors that color-blind people can tell apart (Okabe & Ito 2008).
const COLORS: [RGBColor; 8] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(120, 94, 60),
    RGBColor(90, 90, 90),
];
const FONT: &str = "sans-serif";

/// Plots the shares of the classes, if there are any, and the distribution of distances to the
/// nearest training image, for samples and for held-out images.
///
/// # Errors
/// If the plot cannot be drawn.
pub fn report(
    names: &[String],
    samples: &[f64],
    held_out: &[f64],
    distances: &[Vec<f32>; 2],
) -> anyhow::Result<String> {
    svg((960, 380), |root| {
        if names.is_empty() {
            return curves(root, distances);
        }
        let [left, right]: [_; 2] = root.split_evenly((1, 2)).try_into().map_err(|_| "halves")?;
        classes(&left, names, samples, held_out)?;
        curves(&right, distances)?;
        Ok(())
    })
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type Drawn<'a> = Result<(), Box<dyn std::error::Error + 'a>>;

fn svg(
    size: (u32, u32),
    draw: impl for<'a> FnOnce(&Area<'a>) -> Drawn<'a>,
) -> anyhow::Result<String> {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        let all = || -> Drawn<'_> {
            root.fill(&WHITE)?;
            draw(&root)?;
            root.present()?;
            Ok(())
        };
        all().map_err(|error| anyhow!("cannot draw: {error}"))?;
    }
    Ok(svg)
}

fn legend<'a, X: Ranged, Y: Ranged>(
    chart: &mut ChartContext<'a, SVGBackend<'a>, Cartesian2d<X, Y>>,
    position: SeriesLabelPosition,
) -> Drawn<'a> {
    chart
        .configure_series_labels()
        .position(position)
        .background_style(WHITE.mix(0.8))
        .label_font((FONT, 13))
        .draw()?;
    Ok(())
}

fn classes<'a>(area: &Area<'a>, names: &[String], samples: &[f64], held_out: &[f64]) -> Drawn<'a> {
    let top = samples.iter().chain(held_out).fold(0.0, |a: f64, &b| a.max(b));
    let count = names.len() as f64;
    let mut chart = ChartBuilder::on(area)
        .caption("Classes", (FONT, 18))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(44)
        .build_cartesian_2d(-0.5..count - 0.5, 0.0..130.0 * top)?;
    let name = |at: &f64| {
        let class = at.round();
        let whole = (at - class).abs() < 1e-6 && class >= 0.0;
        names.get(class as usize).filter(|_| whole).cloned().unwrap_or_default()
    };
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(WHITE)
        .label_style((FONT, 13))
        .x_labels(names.len().min(12))
        .x_label_formatter(&name)
        .y_desc("% of images")
        .draw()?;
    for (side, (label, shares)) in [("samples", samples), ("held out", held_out)].iter().enumerate()
    {
        let color = COLORS[side];
        let bar = |(class, share): (usize, &f64)| {
            let left = class as f64 - 0.38 + 0.38 * side as f64;
            Rectangle::new([(left, 0.0), (left + 0.36, 100.0 * share)], color.filled())
        };
        chart
            .draw_series(shares.iter().enumerate().map(bar))?
            .label(*label)
            .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 12, y + 5)], color.filled()));
    }
    legend(&mut chart, SeriesLabelPosition::UpperRight)
}

fn curves<'a>(area: &Area<'a>, distances: &[Vec<f32>; 2]) -> Drawn<'a> {
    let furthest = distances.iter().flatten().fold(0f32, |a, &b| a.max(b));
    let mut chart = ChartBuilder::on(area)
        .caption("Distance to the nearest training image", (FONT, 18))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(44)
        .build_cartesian_2d(0f32..1.02 * furthest, 0f32..100f32)?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .label_style((FONT, 13))
        .y_desc("% of images that are as near")
        .draw()?;
    for (index, (label, distances)) in ["samples", "held out"].iter().zip(distances).enumerate() {
        let color = COLORS[index];
        let mut sorted = distances.clone();
        sorted.sort_unstable_by(f32::total_cmp);
        let share = |rank: usize| 100.0 * (rank + 1) as f32 / sorted.len() as f32;
        let curve = sorted.iter().enumerate().map(|(rank, &distance)| (distance, share(rank)));
        chart
            .draw_series(LineSeries::new(curve, color.stroke_width(2)))?
            .label(*label)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 14, y)], color.stroke_width(2)));
    }
    legend(&mut chart, SeriesLabelPosition::LowerRight)
}

/// Plots the distance against the number of evaluations, with a line for each sampler and
/// one for as many training images.
///
/// # Errors
/// If the plot cannot be drawn.
pub fn sweep(points: &[Point], real: f64) -> anyhow::Result<String> {
    svg((960, 540), |root| sweep_lines(root, points, real))
}

fn sweep_lines<'a>(area: &Area<'a>, points: &[Point], real: f64) -> Drawn<'a> {
    let nfe = points.iter().map(|point| point.nfe as f64);
    let (least, most) = nfe.fold((f64::MAX, 0f64), |(a, b), n| (a.min(n), b.max(n)));
    let highest = points.iter().fold(real, |top, point| top.max(point.frechet));
    let mut chart = ChartBuilder::on(area)
        .caption("Quality against the number of evaluations", (FONT, 18))
        .margin(14)
        .x_label_area_size(40)
        .y_label_area_size(56)
        .build_cartesian_2d(
            (0.9 * least..1.1 * most).log_scale(),
            (0.6 * real..1.5 * highest).log_scale(),
        )?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .label_style((FONT, 13))
        .x_labels(12)
        .x_desc("evaluations of the network (NFE)")
        .y_desc("Fréchet distance")
        .x_label_formatter(&|nfe| format!("{nfe:.0}"))
        .y_label_formatter(&|distance| format!("{distance}"))
        .draw()?;
    let mut names: Vec<&str> = Vec::new();
    for point in points {
        if !names.contains(&point.name.as_str()) {
            names.push(&point.name);
        }
    }
    for (index, name) in names.into_iter().enumerate() {
        let color = COLORS[index % COLORS.len()];
        let (style, dot) = (color.stroke_width(2), color.filled());
        let own = points.iter().filter(|point| point.name == name);
        let mut line: Vec<_> = own.clone().map(|p| (p.nfe as f64, p.frechet)).collect();
        line.sort_by(|a, b| a.0.total_cmp(&b.0));
        let errors = own.map(|&Point { nfe, frechet, frechet_error, .. }| {
            // A logarithmic scale has no 0.
            let lowest = (frechet - frechet_error).max(0.1 * frechet);
            let highest = frechet + frechet_error;
            ErrorBar::new_vertical(nfe as f64, lowest, frechet, highest, dot, 6)
        });
        chart.draw_series(errors)?;
        chart.draw_series(line.iter().map(|&point| Circle::new(point, 4, dot)))?;
        if index < COLORS.len() {
            chart
                .draw_series(LineSeries::new(line, style))?
                .label(name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 14, y)], style));
        } else {
            // Out of colors: repeat them, dashed.
            let dash = move |from, to| PathElement::new([(from, 0), (to, 0)], style);
            chart
                .draw_series(DashedLineSeries::new(line, 7, 5, style))?
                .label(name)
                .legend(move |at| EmptyElement::at(at) + dash(0, 6) + dash(9, 15));
        }
    }
    let ends = [(0.9 * least, real), (1.1 * most, real)];
    chart
        .draw_series(DashedLineSeries::new(ends, 6, 4, BLACK.stroke_width(1)))?
        .label("training images")
        .legend(|(x, y)| PathElement::new([(x, y), (x + 14, y)], BLACK));
    legend(&mut chart, SeriesLabelPosition::UpperRight)
}
