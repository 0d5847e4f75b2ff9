//! The flags of `train`.

use std::path::PathBuf;

use anyhow::{bail, ensure};
use clap::parser::ValueSource;
use clap::{ArgMatches, Parser, ValueEnum};

use super::network::{Net, NetworkArgs};
use crate::cli::autoguidance::GuidanceScaleArgs;
use crate::cli::data_set::{self, ImageArgs};
use crate::cli::numbers::{BATCH, ensure_positive, ensure_within};
use crate::data::DataSet;
use crate::loss::Weighting;
use crate::net::{ImageShape, Preconditioning};
use crate::noise::NoiseSchedule;
use crate::recipe::Recipe;
use crate::train::{Consistency, DistributionMatching, Precision, SessionOptions};

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
    given: Vec<String>,
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

/// What the network is told of the images' classes.
#[derive(clap::Args)]
pub struct LabelArgs {
    /// Whether the model can be asked for a class: auto, if the images have classes (labels in the
    /// data set, or a folder for each) and the network is a U-Net; or off.
    #[arg(long, value_enum, default_value_t = Labels::Auto)]
    pub labels: Labels,
    /// How often the network is not told an image's class, from 0 to 1, so that it also learns to
    /// do without: guidance needs both [default: 0.1].
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
    /// too.
    #[arg(
        long, alias = "from",
        value_name = "MODEL",
        conflicts_with_all = [
            "resume", "classifier", "arch", "widths", "blocks", "patch", "ngf", "sigmas", "levels",
            "sigma_max", "sigma_min",
        ],
    )]
    pub init_from: Option<PathBuf>,
    /// Learn the score of the --init-from model, guided away from this worse model, instead of the
    /// images' own. The resulting network draws alone what `ncsn sample --guiding-model` draws with
    /// two. The worse model is one trained for less long, say a tenth of the time.
    #[arg(long, alias = "autoguide", value_name = "WORSE", requires = "init_from")]
    pub guiding_model: Option<PathBuf>,
    #[command(flatten)]
    pub guidance_scale: GuidanceScaleArgs,
    /// Learn what the --init-from model draws for a class with `ncsn sample --guidance`, for every
    /// scale from 1 to this one: the scale becomes an input of the network, and guided samples take
    /// one evaluation a step instead of two.
    #[arg(
        long,
        value_name = "MAX",
        requires = "init_from",
        conflicts_with_all = ["guiding_model", "stable_targets"],
    )]
    pub distill_guidance: Option<f32>,
    /// Make of the --init-from model one that gives images in one to four evaluations, with `--sampler
    /// consistency` [default: distillation with --guiding-model and --distill-guidance, otherwise
    /// tuning].
    #[arg(
        long,
        value_enum,
        value_name = "HOW",
        num_args = 0..=1,
        require_equals = true,
        requires = "init_from",
        conflicts_with = "weighting",
    )]
    pub consistency: Option<Option<ConsistencyOf>>,
    /// The gap Δ = (t − r)/t between compared noise levels at first [default: 0.004; for distillation
    /// 0.4].
    #[arg(long, requires = "consistency")]
    pub first_gap: Option<f32>,
    /// The gap in the end [default: --first-gap].
    #[arg(long, requires = "consistency")]
    pub last_gap: Option<f32>,
    /// Learn to draw from this model's distribution in one to four evaluations, with `--sampler
    /// consistency` (distribution matching distillation). Start with --init-from a model that
    /// --consistency has made of it.
    #[arg(
        long,
        value_name = "MODEL",
        requires = "init_from",
        conflicts_with_all = ["consistency", "guiding_model", "stable_targets"],
    )]
    pub distribution_matching: Option<PathBuf>,
    /// Steps of the critic, which learns the score of what is drawn, for each of the network. Both
    /// count as --steps, and all of --warmup-steps are the critic's.
    #[arg(
        long,
        value_name = "N",
        default_value_t = DistributionMatching::CRITIC_STEPS,
        requires = "distribution_matching"
    )]
    pub critic_steps: u32,
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

/// Where a consistency model leads.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ConsistencyOf {
    /// To the end of the images' flow: easy consistency tuning.
    Tuning,
    /// To the end of the model's own flow: consistency distillation.
    Distillation,
}

impl RunArgs {
    /// Whether the run learns from the model that it starts from instead of from the images.
    pub fn learns_from_a_model(&self) -> bool {
        self.guiding_model.is_some()
            || self.distill_guidance.is_some()
            || self.distribution_matching.is_some()
            || self.consistency == Some(Some(ConsistencyOf::Distillation))
    }

    /// Whether the network is made for one to four evaluations.
    pub fn few_step(&self) -> bool {
        self.consistency.is_some() || self.distribution_matching.is_some()
    }

    /// The consistency model to make, if one is asked for.
    pub fn consistency(&self) -> Option<Consistency> {
        self.consistency?;
        let distillation = self.learns_from_a_model();
        let usual = if distillation { 0.4 } else { 0.004 };
        let first_gap = self.first_gap.unwrap_or(usual);
        Some(Consistency { first_gap, last_gap: self.last_gap.unwrap_or(first_gap), distillation })
    }
}

#[derive(clap::Args)]
pub struct OptimizationArgs {
    /// Optimizer steps [default: 30000; for few images, enough to see each 400 times, but at
    /// least 4000; for a --classifier 5000].
    #[arg(long)]
    pub steps: Option<u64>,
    /// Images per step.
    #[arg(long, default_value_t = 64)]
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
    /// Steps over which the learning rate rises to --lr.
    #[arg(long, alias = "warm-up", default_value_t = 500)]
    pub warmup_steps: u64,
    /// Clip the norm of all gradients together to this.
    #[arg(long, alias = "clip", default_value_t = Recipe::MAX_GRAD_NORM)]
    pub max_grad_norm: f32,
    /// The decay of the moving average of the weights; the average is what is saved.
    #[arg(long, alias = "ema", default_value_t = Recipe::EMA_DECAY)]
    pub ema_decay: f64,
    /// The seed of everything random.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
}

#[derive(Clone, clap::Args)]
pub struct NoiseArgs {
    /// How much each noise level counts [default: edm for the U-Net, the only preconditioned
    /// network; paper for the others].
    #[arg(long, value_enum)]
    pub weighting: Option<Weighting>,
    /// How to choose the noise levels [default: auto for the U-Net, unless --sigma-max or --levels
    /// is given; given for the others].
    #[arg(long, value_enum)]
    pub sigmas: Option<Sigmas>,
    /// The number of noise levels: those that ncsn and ncsnv2 are trained on, and that samplers are
    /// recommended to use [default: 100; 10 for ncsn; by NCSNv2's technique 2 for ncsnv2].
    #[arg(long)]
    pub levels: Option<usize>,
    /// The largest noise level [default: for the U-Net, the largest distance between two images;
    /// 20 for ncsnv2 and with --sigmas given; 1 for ncsn].
    #[arg(long)]
    pub sigma_max: Option<f32>,
    /// The smallest noise level.
    #[arg(long, default_value_t = Recipe::SIGMA_MIN)]
    pub sigma_min: f32,
    /// U-Net: the median of the noise levels drawn in training.
    #[arg(long, alias = "sigma-centre", default_value_t = Recipe::P_MEAN)]
    pub p_mean: f32,
    /// U-Net: the standard deviation of their logarithm.
    #[arg(long, alias = "sigma-spread", default_value_t = Recipe::P_STD)]
    pub p_std: f32,
    /// The noise level from which to learn from stable targets: a number; auto, where they make a
    /// difference; or off [default: auto for the U-Net, if the images are few enough for them to
    /// cost next to nothing; otherwise off].
    ///
    /// A stable target is the mean noise over all training images that a noisy one can have come
    /// from, instead of the noise that was added (the stable target field): the score is the same,
    /// but learned from targets that vary less. The images are kept on the device in f32.
    #[arg(
        long,
        value_name = "SIGMA",
        value_parser = stable_targets,
        conflicts_with_all = ["guiding_model", "classifier"],
    )]
    pub stable_targets: Option<StableTargets>,
}

/// The noise level from which targets are stable.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum StableTargets {
    /// Where [`stable_from`] says.
    Auto,
    /// At no noise level.
    Off,
    /// From this noise level.
    From(f32),
}

fn stable_targets(text: &str) -> Result<StableTargets, String> {
    Ok(match text {
        "auto" => StableTargets::Auto,
        "off" => StableTargets::Off,
        _ => StableTargets::From(text.parse().map_err(|_| "is neither a number, auto nor off")?),
    })
}

/// How to choose the noise levels.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Sigmas {
    /// From --sigma-max and --sigma-min.
    Given,
    /// From the images and --sigma-min, by the rules that `ncsn plan` explains. The U-Net is not
    /// trained on discrete levels, so only their range is chosen.
    Auto,
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

impl Arguments {
    /// Checks that every flag has an effect and that numbers are possible, and notes which flags were
    /// given, which only the matches of the program or subcommand tell.
    ///
    /// # Errors
    /// Names a flag that has no effect or an impossible value.
    pub fn checked(mut self, matches: &ArgMatches) -> anyhow::Result<Self> {
        let said = |id: &str| matches.value_source(id) == Some(ValueSource::CommandLine);
        self.given = matches.ids().map(clap::Id::as_str).filter(|id| said(id)).map(flag).collect();
        let is_unet = self.network.arch == Net::Unet;
        // A resumed run has the network that it has; see `ensure_resumes`.
        let is_new = !self.run.resume;
        let without_effect: [(bool, &str, &[&str]); 3] = [
            (is_new && is_unet, "the U-Net", &["ngf"]),
            (
                is_new && !is_unet,
                "this --arch",
                &["widths", "blocks", "patch", "p_mean", "p_std", "labels", "label_dropout"],
            ),
            (
                self.run.classifier,
                "a --classifier",
                &[
                    "flip",
                    "dequantize",
                    "labels",
                    "label_dropout",
                    "checkpoint_every_seconds",
                    "eval_every_steps",
                    "license",
                    "grad_accum_steps",
                    "precision",
                    "warmup_steps",
                    "max_grad_norm",
                    "ema_decay",
                    "weighting",
                    "levels",
                    "p_mean",
                    "p_std",
                    "widths",
                    "blocks",
                    "patch",
                    "ngf",
                ],
            ),
        ];
        for (_, what, ids) in without_effect.into_iter().filter(|&(is_so, ..)| is_so) {
            if let Some(flag) = ids.iter().map(|id| flag(id)).find(|flag| self.is_given(flag)) {
                bail!("{flag} has no effect on {what}");
            }
        }
        ensure!(
            self.run.consistency != Some(Some(ConsistencyOf::Tuning))
                || !self.run.learns_from_a_model(),
            "--consistency=tuning learns from the images; leave --guiding-model and --distill-guidance \
             out, or use --consistency=distillation"
        );
        self.ensure_possible()?;
        Ok(self)
    }

    /// Checks the numbers that do not depend on the images, before these are read.
    fn ensure_possible(&self) -> anyhow::Result<()> {
        let Self { optimization, noise, .. } = self;
        // A stream of random numbers must be able to tell the steps apart.
        let steps = 1..=u64::from(u32::MAX) - 1;
        optimization.steps.map_or(Ok(()), |count| ensure_within("--steps", count, steps))?;
        ensure_within("--batch", optimization.batch, BATCH)?;
        if let (Some(_), Some(steps)) = (&self.run.distribution_matching, optimization.steps) {
            let (warmup_steps, critic_steps) = (optimization.warmup_steps, self.run.critic_steps);
            let critics = DistributionMatching::steps_before_generator(warmup_steps, critic_steps);
            ensure!(
                steps > critics,
                "of --steps {steps} the critic takes the first {critics}, --warmup-steps and \
                 --critic-steps, so the network would not learn"
            );
        }
        optimization.lr.map_or(Ok(()), |rate| ensure_positive("--lr", rate))?;
        ensure_positive("--max-grad-norm", optimization.max_grad_norm.into())?;
        let decay = optimization.ema_decay;
        ensure!(
            (0.0..1.0).contains(&decay),
            "--ema-decay must be at least 0 and below 1, but is {decay}"
        );
        let dropout = self.labels.label_dropout;
        dropout.map_or(Ok(()), |share| ensure_within("--label-dropout", share, 0.0..=1.0))?;
        noise.sigma_max.map_or(Ok(()), |sigma| ensure_positive("--sigma-max", sigma.into()))?;
        ensure_positive("--sigma-min", noise.sigma_min.into())?;
        ensure_positive("--p-mean", noise.p_mean.into())?;
        ensure_positive("--p-std", noise.p_std.into())
    }

    /// Whether a flag, such as `--batch`, is on the command line.
    pub fn is_given(&self, flag: &str) -> bool {
        self.given.iter().any(|given| given == flag)
    }

    /// Loads the images. Refuses them if they are not of the given shape or, without one, if a
    /// new network cannot take theirs.
    ///
    /// # Errors
    /// If there are no usable images, or flags contradict each other; in words for the user.
    pub fn load(&self, shape: Option<ImageShape>) -> anyhow::Result<DataSet> {
        if self.noise.sigmas == Some(Sigmas::Auto) {
            ensure!(self.noise.sigma_max.is_none(), "--sigmas auto chooses --sigma-max");
            ensure!(self.noise.levels.is_none(), "--sigmas auto chooses --levels");
        }
        if let Some(shape) = shape {
            return self.images.load_shaped(shape);
        }
        let check = |shape| {
            let scale = Preconditioning { mean: 0.5, sigma_data: 0.5 };
            // The shape does not depend on the noise levels.
            let schedule = NoiseSchedule { sigma_max: 1.0, sigma_min: 0.01, levels: 10 };
            self.network
                .architecture(shape, scale, schedule)
                .check()
                .map_err(|error| error.to_string())
        };
        self.images.load(&|shape| data_set::with_sizes_that_work(shape, &check))
    }
}

/// A flag by the name that clap knows it by.
fn flag(id: &str) -> String {
    format!("--{}", id.replace('_', "-"))
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, FromArgMatches};

    use super::*;

    fn parsed(flags: &str) -> Result<(Arguments, ArgMatches), clap::Error> {
        let words = ["train --data images ", flags].concat();
        let matches = Arguments::command().try_get_matches_from(words.split(' '))?;
        Ok((Arguments::from_arg_matches(&matches)?, matches))
    }

    #[test]
    fn what_has_no_effect_is_refused() {
        let said = |flags: &str| {
            let (arguments, matches) = parsed(flags).expect("known flags and possible values");
            arguments.checked(&matches).map(|_| ())
        };
        said("--patch 1 --p-std 1.2").expect("of the U-Net");
        said("--arch ncsn --ngf 32").expect("of a RefineNet");
        said("--classifier --steps 100 --sigmas given").expect("of a classifier");
        said("--init-from m --consistency=distillation --distill-guidance 3")
            .expect("of the model");
        said("--init-from m --consistency --distill-guidance 3").expect("the same");
        for (flags, flag) in [
            ("--ngf 32", "--ngf"),
            ("--arch ncsnv2 --p-mean 1", "--p-mean"),
            ("--classifier --warmup-steps 3", "--warmup-steps"),
            ("--init-from m --consistency=tuning --distill-guidance 3", "--consistency=tuning"),
        ] {
            let refusal = said(flags).expect_err("it has no effect").to_string();
            assert!(refusal.contains(flag), "{refusal}");
        }
    }

    #[test]
    fn a_gap_is_narrow_for_tuning_and_wide_for_distillation() {
        let made = |flags: &str| {
            let (arguments, _) = parsed(&["--init-from m ", flags].concat()).expect("possible");
            arguments.run.consistency()
        };
        let of =
            |gap, distillation| Some(Consistency { first_gap: gap, last_gap: gap, distillation });
        assert_eq!(made("--steps 5"), None);
        assert_eq!(made("--consistency"), of(0.004, false));
        assert_eq!(made("--consistency=tuning --first-gap 0.01"), of(0.01, false));
        assert_eq!(made("--consistency=distillation"), of(0.4, true));
        assert_eq!(made("--consistency --guiding-model worse --first-gap 0.2"), of(0.2, true));
    }

    #[test]
    fn a_list_is_given_once() {
        let widths = |flags: &str| parsed(flags).map(|(arguments, _)| arguments.network.widths);
        assert_eq!(widths("--widths 8,16").expect("a list"), Some(vec![8, 16]));
        widths("--widths 8 --widths 16").expect_err("two lists");
    }
}
