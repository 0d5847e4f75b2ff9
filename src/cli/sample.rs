//! `ncsn sample`: pictures from a model.

use std::path::PathBuf;

use anyhow::{bail, ensure};
use indicatif::{ProgressBar, ProgressStyle};

use super::{device, grid, ncsn};
use crate::net::{Network, weights};
use crate::sample::{Chain, Sampler, Settings};

/// Make pictures from a model.
#[derive(clap::Args)]
pub struct Sample {
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
    /// Where to compute: cpu, cuda[:N], vulkan, metal or libtorch.
    #[arg(long, default_value = "cpu")]
    device: String,
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

/// Runs the command.
///
/// # Errors
/// Whatever the user should know; one line.
pub fn sample(arguments: &Sample) -> anyhow::Result<()> {
    let model = ncsn::open(&arguments.model)?;
    ensure!(arguments.n > 0, "--n must be at least 1");
    ensure!(arguments.batch > 0, "--batch must be at least 1");
    let extension = arguments.out.extension().and_then(|e| e.to_str()).unwrap_or_default();
    ensure!(matches!(extension, "png" | "npy"), "--out must end in .png or .npy");

    let program = settings(arguments, model.card.sampler).program()?;
    let device = device::parse(&arguments.device)?;
    let picture = model.card.architecture.picture();
    let network = Network::new(&model.card.architecture, &device)?;
    let network = weights::apply(network, model.weights, &device);

    let batches = arguments.n.div_ceil(arguments.batch);
    let bar = ProgressBar::new((batches * program.nfe()) as u64)
        .with_style(ProgressStyle::with_template("{bar:40} {pos}/{len} evaluations, {eta} left")?);
    let mut pixels = Vec::with_capacity(arguments.n * picture.dimension());
    for first in (0..arguments.n).step_by(arguments.batch) {
        let chains = first..arguments.n.min(first + arguments.batch);
        let mut chain =
            Chain::new(network.clone(), picture, program.clone(), arguments.seed, chains, &device);
        while chain.step() {
            // Wait now and then: the queue of a GPU must not grow without bound.
            if chain.done().is_multiple_of(16)
                && let Err(error) = device.sync()
            {
                bail!("the device failed: {error:?}");
            }
            bar.inc(1);
        }
        pixels.extend(chain.noisy().into_data().iter::<f32>());
    }
    bar.finish_and_clear();

    let bytes = grid::to_bytes(&pixels);
    match extension {
        "npy" => grid::write_npy(&arguments.out, &bytes, picture)?,
        _ => grid::write_png(&arguments.out, &bytes, picture, 2)?,
    }
    println!("{} pictures in {}", arguments.n, arguments.out.display());
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
