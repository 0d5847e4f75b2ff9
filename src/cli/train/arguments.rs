//! What a user says to `train`, and what a run is made of then.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use crate::data::DataSet;
use crate::loss::Weighting;
use crate::net::{Architecture, UNetDescription};
use crate::train::{Options, Precision};

/// Train a score-based generative model on pictures.
///
/// Writes the model to --out, and beside it a checkpoint from which --resume goes on and a folder
/// with the run's log: losses, held-out losses and samples.
#[derive(Parser)]
#[command(name = "train", version)]
pub struct Arguments {
    /// The pictures: a folder with IDX files (MNIST and its relatives), or one IDX file.
    #[arg(long)]
    pub data: PathBuf,
    #[command(flatten)]
    pub run: RunArgs,
    #[command(flatten)]
    pub optimisation: OptimisationArgs,
    #[command(flatten)]
    pub noise: NoiseArgs,
    #[command(flatten)]
    pub network: NetworkArgs,
}

/// Where a run computes and what it leaves behind; nothing here changes the weights.
#[derive(clap::Args)]
pub struct RunArgs {
    /// The model to write.
    #[arg(long, default_value = "model.safetensors")]
    pub out: PathBuf,
    /// Where to compute: cpu, cuda[:N], vulkan, metal or libtorch.
    #[arg(long, default_value = "cpu")]
    pub device: String,
    /// Go on where the checkpoint beside --out was written; everything but --steps and --lr is as
    /// it was.
    #[arg(long)]
    pub resume: bool,
    /// Start anew although there is a checkpoint beside --out, and replace it.
    #[arg(long, conflicts_with = "resume")]
    pub overwrite: bool,
    /// Seconds between checkpoints.
    #[arg(long, default_value_t = 120)]
    pub save_every: u64,
    /// Steps between looks at the model: held-out losses, a grid of samples, the model itself.
    /// 0 is only at the end.
    #[arg(long, default_value_t = 1000)]
    pub sample_every: u64,
    /// Threads to compute with on the CPU [default: one for each core].
    #[arg(long)]
    pub threads: Option<usize>,
    /// Say how many parameters, how much memory and how much time it would take, and stop; trains a
    /// few steps to find out, and writes nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// The licence of the pictures, for the model's card.
    #[arg(long, default_value = "unknown")]
    pub licence: String,
}

#[derive(clap::Args)]
pub struct OptimisationArgs {
    /// Optimiser steps.
    #[arg(long)]
    pub steps: Option<u64>,
    /// Pictures a step.
    #[arg(long, default_value_t = 64)]
    pub batch: usize,
    /// Compute each batch in so many parts, one after the other, in that much less memory; the
    /// weights are the same but for rounding.
    #[arg(long, default_value_t = 1)]
    pub accumulate: usize,
    /// What the network computes in; weights, optimiser and loss are in f32 either way. bf16 is
    /// for GPUs that have it.
    #[arg(long, value_enum, default_value_t = Precision::F32)]
    pub precision: Precision,
    /// Adam's learning rate after warm-up; it decays to nothing along half a cosine.
    #[arg(long)]
    pub lr: Option<f64>,
    /// Steps over which the learning rate rises.
    #[arg(long, default_value_t = 500)]
    pub warm_up: u64,
    /// The largest norm of the gradients.
    #[arg(long, default_value_t = 1.0)]
    pub clip: f32,
    /// The decay of the moving average of the weights, which is what is saved.
    #[arg(long, default_value_t = 0.999)]
    pub ema: f64,
    /// The seed of everything random.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
}

#[derive(clap::Args)]
pub struct NoiseArgs {
    /// How much each noise level counts.
    #[arg(long, value_enum, default_value_t = Weighting::Edm)]
    pub weighting: Weighting,
    /// The largest noise level.
    #[arg(long, default_value_t = 20.0)]
    pub sigma_max: f32,
    /// The smallest noise level.
    #[arg(long, default_value_t = 0.01)]
    pub sigma_min: f32,
    /// The median of the noise levels that training draws.
    #[arg(long, default_value_t = 0.4)]
    pub sigma_centre: f32,
    /// The standard deviation of their logarithm.
    #[arg(long, default_value_t = 1.5)]
    pub sigma_spread: f32,
}

#[derive(clap::Args)]
pub struct NetworkArgs {
    /// Channels at each resolution, finest first.
    #[arg(long, value_delimiter = ',', default_values_t = [48, 96])]
    pub widths: Vec<usize>,
    /// Residual blocks at each resolution.
    #[arg(long, default_value_t = 1)]
    pub blocks: usize,
    /// The side of the squares of pixels that are folded into channels.
    #[arg(long, default_value_t = 2)]
    pub patch: usize,
}

impl ValueEnum for Weighting {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Paper, Self::Edm]
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(match self {
            Self::Paper => "paper",
            Self::Edm => "edm",
        }))
    }
}

impl ValueEnum for Precision {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::F32, Self::Bf16]
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
        }))
    }
}

/// The run of a user who does not say how long: some hours on a CPU, minutes on a GPU.
const STEPS: u64 = 30_000;
const LEARNING_RATE: f64 = 2e-3;

impl Arguments {
    /// What a new run on this data is made of.
    pub fn options(&self, data: &DataSet) -> Options {
        let Self { optimisation, noise, .. } = self;
        Options {
            architecture: self.network.architecture(data),
            seed: optimisation.seed,
            steps: optimisation.steps.unwrap_or(STEPS),
            batch: optimisation.batch,
            accumulate: optimisation.accumulate,
            precision: optimisation.precision,
            learning_rate: optimisation.lr.unwrap_or(LEARNING_RATE),
            warm_up: optimisation.warm_up,
            clip: optimisation.clip,
            ema_decay: optimisation.ema,
            weighting: noise.weighting,
            sigma_max: noise.sigma_max,
            sigma_min: noise.sigma_min,
            sigma_centre: noise.sigma_centre,
            sigma_spread: noise.sigma_spread,
        }
    }

    /// What a resumed run is made of: what it was, but for what the user says anew.
    pub fn resumed(&self, before: Options) -> Options {
        Options {
            steps: self.optimisation.steps.unwrap_or(before.steps),
            learning_rate: self.optimisation.lr.unwrap_or(before.learning_rate),
            ..before
        }
    }
}

impl NetworkArgs {
    fn architecture(&self, data: &DataSet) -> Architecture {
        let mut unet = UNetDescription::new(data.train.shape, data.train.statistics());
        unet.attention = (0..self.widths.len()).map(|level| level > 0).collect();
        unet.widths.clone_from(&self.widths);
        (unet.blocks, unet.patch) = (self.blocks, self.patch);
        Architecture::UNet(unet)
    }
}
