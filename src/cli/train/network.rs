//! The network that a run trains, and the defaults that suit it.

use clap::{ArgAction, ValueEnum};

use crate::loss::Weighting;
use crate::net::{
    Architecture, Depth, ImageShape, Preconditioning, RefineNetDescription, UNetDescription,
    Variant,
};
use crate::noise::{NoiseSchedule, rules};
use crate::recipe::Recipe;
use crate::sample::Settings;

/// The kinds of network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Net {
    /// A U-Net conditioned on a continuous σ: fast enough for the page.
    Unet,
    /// NCSN's RefineNet (2019), for a few noise levels.
    Ncsn,
    /// NCSNv2's RefineNet (2020).
    Ncsnv2,
}

/// The kind of a new network, and its sizes.
#[derive(clap::Args)]
pub struct NetworkArgs {
    /// The kind of network.
    #[arg(long, alias = "net", value_enum, default_value_t = Net::Unet)]
    pub arch: Net,
    /// U-Net: channels at each resolution, finest first [default: 48,96 up to 64 pixels a side,
    /// with another 192 up to 128 and one more up to 256].
    #[arg(long, value_delimiter = ',', action = ArgAction::Set)]
    pub widths: Option<Vec<usize>>,
    /// U-Net: residual blocks at each resolution.
    #[arg(long, default_value_t = 1)]
    pub blocks: usize,
    /// U-Net: the side of the squares of pixels folded into channels.
    #[arg(long, default_value_t = 2)]
    pub patch: usize,
    /// RefineNets: channels at full resolution; as published, 64 for MNIST and 128 for CIFAR-10.
    #[arg(long, default_value_t = 64)]
    pub ngf: usize,
}

impl Net {
    /// The kind of an existing network.
    pub fn of(architecture: &Architecture) -> Self {
        match architecture {
            Architecture::UNet(_) => Self::Unet,
            Architecture::RefineNet(refinenet) => match refinenet.variant {
                Variant::Ncsn => Self::Ncsn,
                Variant::Ncsnv2 => Self::Ncsnv2,
            },
        }
    }

    /// The largest noise level: for NCSN as published, for the others one that covers the space of
    /// images.
    pub fn sigma_max(self) -> f32 {
        match self {
            Self::Ncsn => 1.0,
            Self::Unet | Self::Ncsnv2 => 20.0,
        }
    }

    /// The number of noise levels from σ₁ to σ_L.
    ///
    /// # Errors
    /// If NCSNv2's rule does not apply.
    pub fn levels(
        self,
        image_shape: ImageShape,
        sigma_max: f32,
        sigma_min: f32,
    ) -> anyhow::Result<usize> {
        Ok(match self {
            Self::Unet => Settings::LEVELS,
            Self::Ncsn => 10,
            Self::Ncsnv2 => {
                let dimension = image_shape.dimension();
                rules::schedule(dimension, sigma_max, sigma_min, rules::OVERLAP)?.levels
            }
        })
    }

    /// How much each noise level counts.
    pub fn weighting(self) -> Weighting {
        match self {
            Self::Unet => Weighting::Edm,
            Self::Ncsn | Self::Ncsnv2 => Weighting::Ncsn,
        }
    }

    /// Adam's learning rate for a new network.
    pub fn learning_rate(self) -> f64 {
        match self {
            Self::Unet => Recipe::LEARNING_RATE,
            Self::Ncsn | Self::Ncsnv2 => Recipe::LEARNING_RATE_OF_REFINENETS,
        }
    }
}

impl NetworkArgs {
    /// The network for images of this shape and scale, with these noise levels.
    pub fn architecture(
        &self,
        image_shape: ImageShape,
        scale: Preconditioning,
        schedule: NoiseSchedule,
    ) -> Architecture {
        let variant = match self.arch {
            Net::Unet => {
                let mut unet = UNetDescription::new(image_shape, scale);
                (unet.blocks, unet.patch) = (self.blocks, self.patch);
                unet.widths = self.widths.clone().unwrap_or(unet.widths);
                unet.attention = unet.usual_attention();
                return Architecture::UNet(unet);
            }
            Net::Ncsn => Variant::Ncsn,
            Net::Ncsnv2 => Variant::Ncsnv2,
        };
        // As published: four stages up to 64 × 64, five up to 128 × 128.
        let depth = match image_shape.height.max(image_shape.width) {
            ..=64 => Depth::Standard,
            65..=128 => Depth::Deeper,
            _ => Depth::Deepest,
        };
        let ngf = self.ngf;
        Architecture::RefineNet(RefineNetDescription { variant, image_shape, depth, ngf, schedule })
    }
}
