//! `ncsn sample`: pictures from a model.

use std::path::PathBuf;

use anyhow::{Context, ensure};
use clap::{Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};

use super::engine::{Choice, Engine};
use super::grid;
use super::plan::{self, Plan};
use crate::model_file::ModelFile;
use crate::sample::{Sampler, Settings};

/// Score-based generative models: what one does before and after training.
#[derive(Parser)]
#[command(name = "ncsn", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Sample(Sample),
    Plan(Plan),
}

/// Make pictures from a model.
#[derive(clap::Args)]
struct Sample {
    /// The model, a .safetensors file that `train` wrote.
    #[arg(long)]
    model: PathBuf,
    /// How many pictures.
    #[arg(short, long, default_value_t = 64)]
    n: usize,
    /// The seed: the same seed gives the same pictures on every device.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where to: .png for a grid, .npy for an array of uint8 N×H×W(×C).
    #[arg(long, default_value = "grid.png")]
    out: PathBuf,
    /// Which sampler; the model recommends one, and the settings below.
    #[arg(long)]
    sampler: Option<Sampler>,
    /// L, the number of noise levels.
    #[arg(long)]
    levels: Option<usize>,
    /// T, Langevin steps at each level.
    #[arg(long)]
    steps_each: Option<usize>,
    /// ε, the step size at the smallest level.
    #[arg(long)]
    step_lr: Option<f32>,
    /// Take off the noise that is left after the last level.
    #[arg(long, overrides_with = "no_denoise")]
    denoise: bool,
    /// Leave it.
    #[arg(long)]
    no_denoise: bool,
    /// How many pictures to compute at once.
    #[arg(long, default_value_t = 100)]
    batch: usize,
    /// What computes: `fused` if there is a GPU and no --device, otherwise `burn`.
    #[arg(long)]
    engine: Option<Choice>,
    /// Where Burn computes: cpu (the default), cuda[:N], vulkan, metal or libtorch.
    #[arg(long)]
    device: Option<String>,
}

impl clap::ValueEnum for Sampler {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Langevin, Self::Consistent, Self::ReverseDiffusion, Self::Ode]
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(match self {
            Self::Langevin => "langevin",
            Self::Consistent => "consistent",
            Self::ReverseDiffusion => "reverse-diffusion",
            Self::Ode => "ode",
        }))
    }
}

/// The program.
///
/// # Errors
/// Whatever the user should know; one line.
pub fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Sample(arguments) => sample(&arguments),
        Command::Plan(arguments) => plan::run(&arguments),
    }
}

fn sample(arguments: &Sample) -> anyhow::Result<()> {
    let path = arguments.model.display();
    let bytes = std::fs::read(&arguments.model).with_context(|| format!("cannot read {path}"))?;
    let model = ModelFile::read(&bytes).with_context(|| format!("cannot use {path}"))?;
    ensure!(arguments.n > 0, "--n must be at least 1");
    ensure!(arguments.batch > 0, "--batch must be at least 1");
    let extension = arguments.out.extension().and_then(|e| e.to_str()).unwrap_or_default();
    ensure!(matches!(extension, "png" | "npy"), "--out must end in .png or .npy");

    let program = settings(arguments, model.card.sampler).program()?;
    let picture = model.card.architecture.picture();
    let engine = Engine::new(arguments.engine, arguments.device.as_deref(), model)?;

    let batches = arguments.n.div_ceil(arguments.batch);
    let bar = ProgressBar::new((batches * program.nfe()) as u64)
        .with_style(ProgressStyle::with_template("{bar:40} {pos}/{len} evaluations, {eta} left")?);
    let mut pixels = Vec::with_capacity(arguments.n * picture.dimension());
    for first in (0..arguments.n).step_by(arguments.batch) {
        let chains = first..arguments.n.min(first + arguments.batch);
        let progress = |steps: usize| bar.inc(steps as u64);
        pixels.extend(engine.run(&program, arguments.seed, chains, progress)?);
    }
    bar.finish_and_clear();

    let bytes = grid::to_bytes(&pixels);
    match extension {
        "npy" => grid::write_npy(&arguments.out, &bytes, picture)?,
        _ => grid::write_png(&arguments.out, &bytes, picture, 2)?,
    }
    println!("{} pictures in {} ({})", arguments.n, arguments.out.display(), engine.name());
    Ok(())
}

/// What the user said, over what the model recommends.
fn settings(arguments: &Sample, recommended: Settings) -> Settings {
    let mut settings = recommended;
    settings.sampler = arguments.sampler.unwrap_or(settings.sampler);
    settings.ladder.levels = arguments.levels.unwrap_or(settings.ladder.levels);
    settings.steps_each = arguments.steps_each.unwrap_or(settings.steps_each);
    settings.step_lr = arguments.step_lr.unwrap_or(settings.step_lr);
    settings.denoise = match (arguments.denoise, arguments.no_denoise) {
        (true, _) => true,
        (_, true) => false,
        _ => settings.denoise,
    };
    settings
}
