//! The flags of `train`; those of the network, the noise and the methods are in [`super::network`],
//! [`super::noise`] and [`super::method`]. What they must fulfil is in [`super::checks`].

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use super::method::MethodArgs;
use super::network::NetworkArgs;
use super::noise::NoiseArgs;
use crate::cli::data_set::ImageArgs;
use crate::recipe::Recipe;
use crate::train::{Precision, SessionOptions};

/// Train a score-based generative model on images.
///
/// Writes the model to --out. Beside it go a checkpoint, from which --resume continues, and a
/// folder with the run's log: losses, held-out losses and samples.
#[derive(Parser)]
#[command(name = "train", version)]
pub struct Arguments {
    #[command(flatten, next_help_heading = "Images")]
    pub images: ImageArgs,
    #[command(flatten, next_help_heading = "Images")]
    pub augmentation: AugmentationArgs,
    #[command(flatten, next_help_heading = "Images")]
    pub labels: LabelArgs,
    #[command(flatten, next_help_heading = "Run")]
    pub run: RunArgs,
    #[command(flatten, next_help_heading = "Optimization")]
    pub optimization: OptimizationArgs,
    #[command(flatten, next_help_heading = "Noise")]
    pub noise: NoiseArgs,
    #[command(flatten, next_help_heading = "Network")]
    pub network: NetworkArgs,
    /// The names of the flags on the command line, as opposed to those with their default.
    #[arg(skip)]
    pub(super) given: Vec<String>,
}

/// Changes made to images before noise is added.
#[derive(clap::Args)]
pub struct AugmentationArgs {
    /// Mirror every image, left for right, with probability ½ each time it is seen.
    #[arg(long)]
    pub flip: bool,
    /// Spread each value uniformly over its gray level, so that the density has no spikes at the
    /// 256 values.
    #[arg(long)]
    pub dequantize: bool,
}

/// Whether the network is conditioned on the images' classes.
#[derive(clap::Args)]
pub struct LabelArgs {
    /// Whether the model can be asked for a class: auto, if the images have classes (labels in the
    /// data set, or a folder for each) and the network is a U-Net; or off.
    #[arg(long, value_enum, default_value_t = Labels::Auto)]
    pub labels: Labels,
    /// How often the network is not conditioned on an image's class, from 0 to 1, so that it also
    /// learns to do without: guidance needs both [default: 0.1].
    #[arg(long, value_name = "SHARE")]
    pub label_dropout: Option<f32>,
}

/// Whether to train a class-conditional model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Labels {
    /// If the images have classes.
    Auto,
    /// Never.
    Off,
}

/// Where a run starts and computes, and what it writes.
#[derive(clap::Args)]
pub struct RunArgs {
    /// The model to write, a .safetensors file; the run's other files share its name.
    #[arg(long, value_name = "MODEL", default_value = "model.safetensors")]
    pub out: PathBuf,
    /// Where to compute: auto, on the system's GPU if it has one, and otherwise on the CPU; gpu, by
    /// this program's own kernels; cpu; or, if built with that feature, Burn on cuda[:N], vulkan,
    /// metal, libtorch (on the CPU) or libtorch-cuda[:N]. Several Burn devices, separated by
    /// commas, share every batch.
    #[arg(long, default_value = "auto")]
    pub device: String,
    /// Instead of a model, train a classifier of the images' classes at all noise levels, to
    /// guide `ncsn sample --class`.
    #[arg(long, conflicts_with_all = ["resume", "dry_run"])]
    pub classifier: bool,
    /// Continue from the checkpoint beside --out. Give the same images and ways to read them; of
    /// the training settings, only --steps, --lr, --precision and --license can be changed. Others
    /// may be repeated, but not with another value.
    #[arg(long)]
    pub resume: bool,
    /// Start from this model's weights instead of random ones, to train it further or on other
    /// images of the same size. Its network and noise levels are kept, but a scale of guidance as an
    /// input only if --distill-guidance is given again; on the same images, its recommended sampler
    /// too, unless only one of the two is for few evaluations.
    #[arg(
        long, alias = "from",
        value_name = "MODEL",
        conflicts_with_all = [
            "resume", "classifier", "arch", "widths", "blocks", "patch", "ngf", "sigmas", "levels",
            "sigma_max", "sigma_min",
        ],
    )]
    pub init_from: Option<PathBuf>,
    #[command(flatten)]
    pub method: MethodArgs,
    /// Start anew, replacing any existing model, checkpoint and log.
    #[arg(long, conflicts_with = "resume")]
    pub overwrite: bool,
    /// Seconds between checkpoints.
    #[arg(long, alias = "save-every", value_name = "SECONDS", default_value_t = SessionOptions::CHECKPOINT_EVERY_SECONDS)]
    pub checkpoint_every_seconds: u64,
    /// Steps between evaluations: held-out losses, a grid of samples, and the model itself. The
    /// first comes after a tenth of these steps; 0 means only at the end.
    #[arg(long, alias = "sample-every", value_name = "STEPS", default_value_t = SessionOptions::EVAL_EVERY_STEPS)]
    pub eval_every_steps: u64,
    /// CPU threads [default: one per core]. With libtorch, also set OMP_NUM_THREADS.
    #[arg(long)]
    pub threads: Option<usize>,
    /// Print how many parameters and how much memory and time the run would take, then stop. Trains
    /// a few steps to measure this and writes nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// The license of the images, for the model's card [default: that of the --init-from model if
    /// it was trained on the same images, otherwise unknown].
    #[arg(long, alias = "licence")]
    pub license: Option<String>,
}

/// How many steps a run makes, how large they are, and what of them is saved.
#[derive(clap::Args)]
pub struct OptimizationArgs {
    /// Optimizer steps [default: 30000; for few images, enough to see each 400 times, but at
    /// least 4000; for a --classifier 5000].
    #[arg(long)]
    pub steps: Option<u64>,
    /// Images per step.
    #[arg(long, default_value_t = Recipe::BATCH)]
    pub batch: usize,
    /// Compute each batch in this many parts, one after another, to save memory; the weights are
    /// the same up to rounding.
    #[arg(long, alias = "accumulate", default_value_t = 1)]
    pub grad_accum_steps: usize,
    /// The precision of the network; weights, optimizer and loss are in f32 either way [default:
    /// f32]. bf16 needs a GPU that supports it or, with libtorch, such a CPU.
    #[arg(long, value_enum)]
    pub precision: Option<Precision>,
    /// Adam's learning rate after warm-up, which decays to zero along half a cosine [default: 2e-3
    /// for the U-Net, 1e-3 for other networks and with --init-from, 3e-3 for a --classifier].
    #[arg(long)]
    pub lr: Option<f64>,
    /// Steps over which the learning rate rises to --lr [default: 500, but at most an eighth of all].
    #[arg(long, alias = "warm-up")]
    pub warmup_steps: Option<u64>,
    /// Clip the norm of all gradients together to this.
    #[arg(long, alias = "clip", default_value_t = Recipe::MAX_GRAD_NORM)]
    pub max_grad_norm: f32,
    /// The decay of the moving average of the weights, per step of the network, from 0 to below 1; the
    /// average is what is saved.
    #[arg(long, alias = "ema", default_value_t = Recipe::EMA_DECAY)]
    pub ema_decay: f64,
    /// The seed of everything random.
    #[arg(long, default_value_t = Recipe::SEED)]
    pub seed: u64,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_given_once() {
        let widths = |flags: &str| {
            let words = ["train --data images ", flags].concat();
            let arguments = Arguments::try_parse_from(words.split(' '));
            arguments.map(|arguments| arguments.network.widths)
        };
        assert_eq!(widths("--widths 8,16").expect("a list"), Some(vec![8, 16]));
        widths("--widths 8 --widths 16").expect_err("two lists");
    }
}
