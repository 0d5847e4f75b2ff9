//! Times our engines in headless Chrome against other runtimes: the same network, the same adapter,
//! the same run. `cargo xtask bench web` prepares everything and starts this.
//!
//! First, all engines run side by side; unless they paint the same images, nothing is timed. Then
//! each is timed alone in a fresh browser, from navigation to the first finished image. Finally,
//! all are timed side by side, round after round.
//!
//! With `--training`, those that can train do so instead, also only if they find the same losses.

mod addresses;
mod engines;
mod report;
mod size;
mod visit;

use std::{
    fmt::Display,
    fs,
    path::{Path, PathBuf},
};

use addresses::MODEL;
use anyhow::{Context, Result, ensure};
use clap::{Parser, ValueEnum};
use e2e::browser::Adapter;
use engines::{Engine, FUSED};
use ncsn::{
    model_file::ModelFile,
    onnx::{self, Batch, Options},
};
use report::{Report, TrainingReport};
use serde::Serialize;
use visit::{Losses, Sampler, Training, Visits};

/// Time our engines in headless Chrome against other runtimes, on the same network and adapter.
#[derive(Parser)]
#[command(
    name = "cargo xtask bench web",
    bin_name = "cargo xtask bench web",
    override_usage = "cargo xtask bench web [OPTIONS]"
)]
struct Arguments {
    /// The engines to time, by name [default: all]
    #[arg(long, value_delimiter = ',')]
    engines: Vec<String>,
    /// The batch sizes, in images
    #[arg(long, value_delimiter = ',', default_values_t = [1, 4, 16, 64])]
    batches: Vec<usize>,
    /// Time training steps of so many images instead, from scratch [default: 16]
    #[arg(long, value_name = "BATCH", num_args = 0..=1, default_missing_value = "16")]
    training: Option<usize>,
    /// The GPU: Chrome's software adapter, which works on every machine, or the machine's own
    #[arg(long, value_enum, default_value = "swiftshader")]
    adapter: AdapterName,
    /// Seconds that each engine may take per batch size, and for its first image
    #[arg(long, default_value_t = 60.0)]
    budget: f64,
    /// The model
    #[arg(long, default_value = "www/models/mnist.safetensors")]
    model: PathBuf,
    /// Also write the figures as JSON
    #[arg(long)]
    json: Option<PathBuf>,
    /// The built page whose engines to time
    #[arg(long, default_value = "dist")]
    dist: PathBuf,
    /// The folder `node_modules` with the other runtimes, as prepared by xtask
    #[arg(long, hide = true)]
    node_modules: PathBuf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum AdapterName {
    Swiftshader,
    Default,
}

/// Levels of the short step table on which engines must agree before being timed.
const LEVELS_COMPARED: usize = 8;
/// Pixels are whole 255ths, and rounding differs, so chains may end up a few of them apart.
const TOLERANCE: f64 = 0.03;
/// How far the losses of first steps may be apart, as a fraction.
const LOSS_TOLERANCE: f64 = 0.01;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    ensure!(arguments.batches.iter().all(|&batch| batch > 0), "--batches must be above 0");
    ensure!(arguments.budget > 0.0, "--budget must be above 0");
    let bytes = fs::read(&arguments.model)
        .with_context(|| format!("cannot read {}", arguments.model.display()))?;
    let model = ModelFile::read(&bytes)?;
    let work = tempfile::tempdir().context("cannot make a temporary folder")?;
    fs::write(work.path().join(MODEL), &bytes)?;
    let adapter = match arguments.adapter {
        AdapterName::Swiftshader => Adapter::SwiftShader,
        AdapterName::Default => Adapter::Default,
    };
    let visits = Visits::new(&arguments.dist, &arguments.node_modules, work.path(), adapter)?;
    let budget = arguments.budget * 1000.0;
    if let Some(batch) = arguments.training {
        return train(&arguments, &visits, &model, batch).await;
    }

    let table = Sampler::new(&model.card, model.card.sampler)?;
    let short = Sampler::new(&model.card, {
        let mut settings = model.card.sampler;
        settings.schedule.levels = LEVELS_COMPARED;
        settings
    })?;

    // The first image needs a batch of one, whatever batches are asked for.
    let mut batches = arguments.batches.clone();
    batches.sort_unstable();
    batches.dedup();
    let one_and_all: Vec<usize> =
        if batches.contains(&1) { batches.clone() } else { [&[1], &batches[..]].concat() };
    for &batch in &one_and_all {
        let options =
            Options { batch: Batch::Fixed(batch), opset: Options::DEFAULT_OPSET, settings: None };
        fs::write(work.path().join(format!("{batch}.onnx")), onnx::export(&model, options)?)?;
    }

    let image_shape = model.card.architecture.image_shape();
    let all = engines::all(&arguments.dist, image_shape, &one_and_all)?;
    let engines = chosen(all, &arguments.engines)?;

    eprintln!("▶ compare the images of {} engines", engines.len());
    let differences = visits.compare(&engines, &short, batches[0]).await?;
    for difference in &differences {
        ensure!(
            difference.largest <= TOLERANCE,
            "{} paints other images than {}: its figures would mean nothing",
            difference.name,
            engines[0].name
        );
    }
    eprintln!("▶ from the navigation to the first image, each engine in a fresh browser");
    let mut loads = Vec::new();
    for engine in &engines {
        loads.push(visits.first_image(engine, &table, budget).await?);
    }
    eprintln!("▶ warm evaluations, round by round");
    let cells = visits.warm(&engines, &table, &batches, budget).await?;

    let report = Report {
        adapter: visits.adapter_name().await?,
        model: model.card.name,
        parameters: model.card.architecture.parameters(),
        evaluations: table.steps.len(),
        budget_seconds: arguments.budget,
        differences,
        loads,
        cells,
    };
    show(&report, arguments.json.as_deref())
}

/// Times training, and prints the figures.
async fn train(
    arguments: &Arguments,
    visits: &Visits,
    model: &ModelFile,
    batch: usize,
) -> Result<()> {
    ensure!(batch > 0, "--training must be above 0");
    let trainers = chosen(engines::trainers(&arguments.dist)?, &arguments.engines)?;
    ensure!(
        trainers[0].name == FUSED,
        "the others begin with the weights of `{FUSED}`: name it first"
    );
    let image_shape = model.card.architecture.image_shape();
    eprintln!("▶ compare losses, then training steps, round by round");
    let budget = arguments.budget * 1000.0;
    let Training { losses, runs } = visits.training(&trainers, image_shape, batch, budget).await?;
    for Losses { name, losses: found } in &losses[1..] {
        let mut apart = found.iter().zip(&losses[0].losses).map(|(a, b)| (a / b - 1.0).abs());
        ensure!(
            apart.all(|apart| apart <= LOSS_TOLERANCE),
            "{name} trains another network than {}: its figures would mean nothing",
            losses[0].name
        );
    }
    let report = TrainingReport {
        adapter: visits.adapter_name().await?,
        image_shape,
        batch,
        budget_seconds: arguments.budget,
        losses,
        runs,
    };
    show(&report, arguments.json.as_deref())
}

/// Prints the figures, and writes them to a file if asked to.
fn show(report: &(impl Display + Serialize), json: Option<&Path>) -> Result<()> {
    print!("{report}");
    if let Some(path) = json {
        let json = serde_json::to_string_pretty(report)?;
        fs::write(path, json).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// The engines that the user named, in that order.
fn chosen(all: Vec<Engine>, names: &[String]) -> Result<Vec<Engine>> {
    if names.is_empty() {
        return Ok(all);
    }
    let list: Vec<&str> = all.iter().map(|engine| engine.name.as_str()).collect();
    let list = list.join(", ");
    let find = |name: &String| all.iter().find(|engine| engine.name == *name).cloned();
    names
        .iter()
        .map(|name| find(name).with_context(|| format!("no engine `{name}`; there are {list}")))
        .collect()
}
