//! `ncsn sample`: pictures from a model.

use std::path::PathBuf;

use anyhow::ensure;
use indicatif::{ProgressBar, ProgressStyle};

use super::engine::{Choice, Engine};
use super::steer::{Steer, Steered};
use super::{grid, ncsn};
use crate::sample::edm::Churn;
use crate::sample::{Sampler, Settings};

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
    /// T, Langevin steps (of predictor–corrector: corrections) at each level.
    #[arg(long)]
    steps_each: Option<usize>,
    /// ε, the step size at the smallest level.
    #[arg(long)]
    step_lr: Option<f32>,
    /// r, the signal-to-noise ratio of the corrections of predictor–corrector.
    #[arg(long)]
    snr: Option<f32>,
    /// ρ of Heun's grid of levels.
    #[arg(long)]
    rho: Option<f32>,
    /// S_churn, the noise that Heun's method adds on the way and takes off again; 0 is none.
    #[arg(long)]
    churn: Option<f32>,
    /// S_tmin, the smallest σ that is churned.
    #[arg(long, requires = "churn")]
    churn_min: Option<f32>,
    /// S_tmax, the largest σ that is churned.
    #[arg(long, requires = "churn")]
    churn_max: Option<f32>,
    /// S_noise, the deviation of the noise that churns.
    #[arg(long, requires = "churn")]
    churn_noise: Option<f32>,
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
    #[command(flatten)]
    steer: Steer,
}

impl clap::ValueEnum for Sampler {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(match self {
            Self::Langevin => "langevin",
            Self::PlainLangevin => "plain-langevin",
            Self::Consistent => "consistent",
            Self::Ancestral => "ancestral",
            Self::ReverseDiffusion => "reverse-diffusion",
            Self::PredictorCorrector => "predictor-corrector",
            Self::Ode => "ode",
            Self::Heun => "heun",
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

    let picture = model.card.architecture.picture();
    let settings = settings(arguments, model.card.sampler);
    let Steered { steering, wander, seed } = arguments.steer.read(picture, arguments.n)?;
    let program = settings.program()?;
    let program = match wander {
        Some(wander) => program.from_sigma(settings.ladder.sigma_at(wander)),
        None => program,
    };
    let seed = seed.unwrap_or(arguments.seed);
    let device = arguments.device.as_deref();
    let engine = Engine::new(arguments.engine, device, model)?;

    let batches = arguments.n.div_ceil(arguments.batch);
    let bar = ProgressBar::new((batches * program.nfe()) as u64)
        .with_style(ProgressStyle::with_template("{bar:40} {pos}/{len} evaluations, {eta} left")?);
    let mut pixels = Vec::with_capacity(arguments.n * picture.dimension());
    for first in (0..arguments.n).step_by(arguments.batch) {
        let chains = first..arguments.n.min(first + arguments.batch);
        let progress = |steps: usize| bar.inc(steps as u64);
        pixels.extend(engine.run(&program, &steering, seed, chains, progress)?);
    }
    bar.finish_and_clear();

    let bytes = grid::to_bytes(&pixels);
    match extension {
        "npy" => grid::write_npy(&arguments.out, &bytes, picture)?,
        _ => {
            let columns = arguments.steer.is_path().then_some(arguments.n);
            grid::write_png(&arguments.out, &bytes, picture, columns, 2)?;
        }
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
    settings.snr = arguments.snr.unwrap_or(settings.snr);
    settings.rho = arguments.rho.unwrap_or(settings.rho);
    if let Some(amount) = arguments.churn {
        let churn = settings.churn.unwrap_or(Churn::NONE);
        settings.churn = Some(Churn {
            amount,
            min: arguments.churn_min.unwrap_or(churn.min),
            max: arguments.churn_max.unwrap_or(churn.max),
            noise: arguments.churn_noise.unwrap_or(churn.noise),
        });
    }
    settings.denoise = match (arguments.denoise, arguments.no_denoise) {
        (true, _) => true,
        (_, true) => false,
        _ => settings.denoise,
    };
    settings
}
