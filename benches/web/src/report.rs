//! The figures as Markdown tables and as JSON.

use std::fmt;

use ncsn::net::ImageShape;
use serde::Serialize;

use crate::{
    engines::PEER,
    visit::{Cell, Difference, Load, Losses, Run},
};

const SKIPPED: &str = "skipped (over budget)";

/// All measurements.
#[derive(Debug, Serialize)]
pub struct Report {
    pub adapter: String,
    pub model: String,
    pub parameters: usize,
    /// The number of network evaluations of the model's recommended sampler.
    pub evaluations: usize,
    pub budget_seconds: f64,
    pub differences: Vec<Difference>,
    pub loads: Vec<Load>,
    pub cells: Vec<Cell>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { adapter, model, parameters, evaluations, budget_seconds, .. } = self;
        writeln!(f, "Adapter: {adapter}. Model: {model}, {parameters} parameters.")?;
        writeln!(f, "An image is {evaluations} evaluations. Budget: {budget_seconds} s.\n")?;
        for Difference { name, largest, mean } in &self.differences[1..] {
            let first = &self.differences[0].name;
            writeln!(
                f,
                "{name} paints what {first} paints: largest difference {largest:.4}, mean {mean:.5}"
            )?;
        }

        let mut table = Table::new([
            "from the navigation",
            "wasm module, brotli",
            "model",
            "ready",
            "first evaluation",
            "first image",
        ]);
        for Load { name, times, module, model } in &self.loads {
            let image = match times.image {
                Some(image) => seconds(image),
                None => format!("over budget after {} of {evaluations} steps", times.steps),
            };
            table.row([
                name.clone(),
                megabytes(module.brotli),
                megabytes(model.raw),
                seconds(times.ready),
                seconds(times.first_evaluation),
                image,
            ]);
        }
        write!(f, "\n{table}")?;

        let mut table = Table::new([
            "batch",
            "engine",
            "first here",
            "median",
            "least",
            "rounds",
            &format!("of {PEER}"),
            "images/s",
        ]);
        for cell in &self.cells {
            let (batch, name) = (cell.batch.to_string(), cell.name.clone());
            let dash = || "–".to_owned();
            let row = match (cell.first, cell.median()) {
                (None, _) => {
                    let skipped = SKIPPED.to_owned();
                    [batch, name, skipped, dash(), dash(), dash(), dash(), dash()]
                }
                (Some(first), None) => {
                    let skipped = SKIPPED.to_owned();
                    [batch, name, milliseconds(first), skipped, dash(), dash(), dash(), dash()]
                }
                (Some(first), Some(median)) => [
                    batch,
                    name,
                    milliseconds(first),
                    milliseconds(median),
                    milliseconds(cell.least()),
                    cell.times.len().to_string(),
                    self.peer(cell.batch).map_or_else(dash, |peer| format!("{:.2}", median / peer)),
                    format!("{:.3}", self.images_per_second(cell)),
                ],
            };
            table.row(row);
        }
        write!(f, "\n{table}")
    }
}

impl Report {
    /// The peer's median at the same batch size.
    fn peer(&self, batch: usize) -> Option<f64> {
        self.cells.iter().find(|cell| cell.batch == batch && cell.name == PEER)?.median()
    }

    /// Extrapolated from the speed of the steps that were timed.
    fn images_per_second(&self, cell: &Cell) -> f64 {
        let image = cell.sampling / cell.steps as f64 * self.evaluations as f64;
        cell.batch as f64 * 1000.0 / image
    }
}

/// What training took.
#[derive(Debug, Serialize)]
pub struct TrainingReport {
    pub adapter: String,
    pub image_shape: ImageShape,
    pub batch: usize,
    pub budget_seconds: f64,
    pub losses: Vec<Losses>,
    pub runs: Vec<Run>,
}

impl fmt::Display for TrainingReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { adapter, image_shape, batch, budget_seconds, .. } = self;
        let ImageShape { channels, height, width } = image_shape;
        writeln!(
            f,
            "Adapter: {adapter}. Training on {batch} images of {channels} × {height} × {width} a step."
        )?;
        writeln!(f, "Budget: {budget_seconds} s.\n")?;
        for Losses { name, losses } in &self.losses {
            let losses: Vec<String> = losses.iter().map(|loss| format!("{loss:.5}")).collect();
            writeln!(f, "{name}: first losses of the trained model {}", losses.join(", "))?;
        }
        let mut table = Table::new([
            "engine",
            "ready",
            "first step",
            "median step",
            "least",
            "rounds",
            "steps each",
            "images/s",
            "fused is faster",
            "loss",
        ]);
        let step = |run: &Run| median(&run.times).map(|time| time / run.steps as f64);
        let ours = self.runs.first().and_then(step);
        for run in &self.runs {
            let shown = |value: Option<f64>, show: fn(f64) -> String| {
                value.map_or_else(|| "–".to_owned(), show)
            };
            let median = step(run);
            let ratio = median.zip(ours).map(|(median, ours)| median / ours);
            table.row([
                run.name.clone(),
                seconds(run.ready),
                seconds(run.first),
                shown(median, seconds),
                seconds(least(&run.times) / run.steps as f64),
                run.times.len().to_string(),
                run.steps.to_string(),
                shown(median.map(|time| *batch as f64 * 1000.0 / time), |rate| {
                    format!("{rate:.3}")
                }),
                shown(ratio, |ratio| format!("{ratio:.1} ×")),
                format!("{:.3} → {:.3}", run.loss[0], run.loss[1]),
            ]);
        }
        write!(f, "\n{table}")
    }
}

impl Cell {
    fn median(&self) -> Option<f64> {
        median(&self.times)
    }

    fn least(&self) -> f64 {
        least(&self.times)
    }
}

fn median(times: &[f64]) -> Option<f64> {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    let middle = times.len() / 2;
    match times.len() {
        0 => None,
        n if n % 2 == 1 => Some(times[middle]),
        _ => Some((times[middle - 1] + times[middle]) / 2.0),
    }
}

fn least(times: &[f64]) -> f64 {
    times.iter().copied().fold(f64::INFINITY, f64::min)
}

fn seconds(milliseconds: f64) -> String {
    format!("{:.2} s", milliseconds / 1000.0)
}

fn milliseconds(value: f64) -> String {
    format!("{value:.1} ms")
}

fn megabytes(bytes: usize) -> String {
    format!("{:.2} MB", bytes as f64 / 1e6)
}

/// A Markdown table with columns just wide enough.
struct Table<const COLUMNS: usize> {
    rows: Vec<[String; COLUMNS]>,
}

impl<const COLUMNS: usize> Table<COLUMNS> {
    fn new(head: [&str; COLUMNS]) -> Self {
        Self { rows: vec![head.map(str::to_owned)] }
    }

    fn row(&mut self, row: [String; COLUMNS]) {
        self.rows.push(row);
    }
}

impl<const COLUMNS: usize> fmt::Display for Table<COLUMNS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: usize| {
            self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()
        };
        let widths: [usize; COLUMNS] = std::array::from_fn(width);
        for (index, row) in self.rows.iter().enumerate() {
            for (cell, width) in row.iter().zip(widths) {
                write!(f, "| {cell:width$} ")?;
            }
            writeln!(f, "|")?;
            if index == 0 {
                widths.iter().try_for_each(|width| write!(f, "|{:-<1$}", "", width + 2))?;
                writeln!(f, "|")?;
            }
        }
        Ok(())
    }
}
