//! The noise levels that a run trains on, and how much each of them counts.

use clap::ValueEnum;
use clap::builder::PossibleValue;

use super::network::Net;
use crate::cli::noise_levels;
use crate::data::DataSet;
use crate::loss::Weighting;
use crate::noise::NoiseSchedule;
use crate::recipe::Recipe;
use crate::sample::Settings;

/// The noise levels, and how the network learns from them.
#[derive(Clone, clap::Args)]
pub struct NoiseArgs {
    /// How much each noise level counts [default: edm for the U-Net, the only preconditioned
    /// network; ncsn for the others].
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
    /// The largest noise level, for pixels from 0 to 1 [default: for the U-Net, the largest distance
    /// between two images; 20 for ncsnv2 and with --sigmas given; 1 for ncsn].
    #[arg(long)]
    pub sigma_max: Option<f32>,
    /// The smallest noise level, for pixels from 0 to 1.
    #[arg(long, default_value_t = Recipe::SIGMA_MIN)]
    pub sigma_min: f32,
    /// U-Net: the median of the noise levels drawn in training, for pixels from 0 to 1: half of
    /// e^P_mean in EDM, whose pixels are from -1 to 1.
    #[arg(long, alias = "sigma-centre", default_value_t = Recipe::SIGMA_MEDIAN)]
    pub sigma_median: f32,
    /// An earlier name of --sigma-median: a median, not EDM's P_mean.
    #[arg(long, hide = true, conflicts_with = "sigma_median")]
    pub p_mean: Option<f32>,
    /// U-Net: the standard deviation of their natural logarithm, P_std in EDM.
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
    /// Where [`crate::train::stable_sigma`] says.
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

impl NoiseArgs {
    /// The noise levels for this data and kind of network.
    ///
    /// # Errors
    /// If they cannot be chosen.
    pub fn schedule(&self, data: &DataSet, net: Net) -> anyhow::Result<NoiseSchedule> {
        let given = net != Net::Unet || self.sigma_max.is_some() || self.levels.is_some();
        match self.sigmas.unwrap_or(if given { Sigmas::Given } else { Sigmas::Auto }) {
            Sigmas::Given => {
                let sigma_max = self.sigma_max.unwrap_or(net.sigma_max());
                let usual = || net.levels(data.train.shape, sigma_max, self.sigma_min);
                let levels = self.levels.map_or_else(usual, Ok)?;
                Ok(NoiseSchedule { sigma_max, sigma_min: self.sigma_min, levels })
            }
            Sigmas::Auto => {
                let schedule = noise_levels::schedule(&data.train, self.sigma_min)?;
                Ok(match net {
                    // It is not trained on levels, and the samplers that suit it need fewer.
                    Net::Unet => NoiseSchedule { levels: Settings::LEVELS, ..schedule },
                    Net::Ncsn | Net::Ncsnv2 => schedule,
                })
            }
        }
    }
}

impl ValueEnum for Weighting {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Ncsn, Self::Edm]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::Ncsn => PossibleValue::new("ncsn").alias("paper"),
            Self::Edm => PossibleValue::new("edm"),
        })
    }
}
