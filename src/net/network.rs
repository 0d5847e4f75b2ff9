//! A network on a Burn device, whatever its architecture.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::class_input::ClassInput;
use super::description::Architecture;
use super::error::DescriptionError;
use super::layers::column;
use super::refinenet::RefineNet;
use super::unet::UNet;
use super::weights::{self, Weights};

/// A noise-conditional score network on a Burn device: any of the architectures.
#[derive(Module, Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one network, or two, at a time")]
pub enum Network {
    /// See [`UNet`].
    UNet(UNet),
    /// See [`RefineNet`].
    RefineNet(RefineNet),
}

impl Network {
    /// A network with freshly drawn weights (call [`Device::seed`] first to make them
    /// reproducible).
    ///
    /// # Errors
    /// [`DescriptionError`] if the sizes do not fit together.
    pub fn new(architecture: &Architecture, device: &Device) -> Result<Self, DescriptionError> {
        architecture.check()?;
        Ok(match architecture {
            Architecture::UNet(description) => Self::UNet(UNet::new(description, device)),
            Architecture::RefineNet(description) => {
                Self::RefineNet(RefineNet::new(description, device))
            }
        })
    }

    /// A network with the weights of a model.
    ///
    /// # Errors
    /// [`DescriptionError`] if the sizes do not fit together.
    pub fn with_weights(
        architecture: &Architecture,
        weights: Weights,
        device: &Device,
    ) -> Result<Self, DescriptionError> {
        Ok(weights::apply(Self::new(architecture, device)?, weights, device))
    }

    /// The score `s(x, σ)`, N × C × H × W like `x`, of images of no class in particular.
    ///
    /// `sigmas` holds one σ > 0 for each of the N images, or a single one for all.
    pub fn score(&self, x: Tensor<4>, sigmas: &[f32]) -> Tensor<4> {
        self.class_score(x, sigmas, &[None])
    }

    /// The score `s(x, σ | c)` of images of classes, N × C × H × W like `x`. A network without
    /// classes ignores them.
    ///
    /// `sigmas` and `classes` hold one for each of the N images, or a single one for all.
    pub fn class_score(
        &self,
        x: Tensor<4>,
        sigmas: &[f32],
        classes: &[Option<usize>],
    ) -> Tensor<4> {
        let classes: Vec<ClassInput> = classes.iter().map(|&class| class.into()).collect();
        self.conditional_score(x, sigmas, &classes)
    }

    /// As [`Self::class_score`], but each class comes with a scale of guidance, which is 1 for the score
    /// without guidance. Only networks with a [`Self::guidance_max`] were trained for scales above 1.
    pub fn conditional_score(
        &self,
        x: Tensor<4>,
        sigmas: &[f32],
        classes: &[ClassInput],
    ) -> Tensor<4> {
        match self {
            Self::UNet(unet) => unet.score(x, sigmas, classes),
            Self::RefineNet(refinenet) => refinenet.score(x, sigmas),
        }
    }

    /// The number of classes that images can be asked for by; 0 for an unconditional network.
    pub fn classes(&self) -> usize {
        match self {
            Self::UNet(unet) => unet.classes(),
            Self::RefineNet(_) => 0,
        }
    }

    /// The largest scale of guidance that is an input; 0 if none is.
    pub fn guidance_max(&self) -> f32 {
        match self {
            Self::UNet(unet) => unet.guidance_max(),
            Self::RefineNet(_) => 0.0,
        }
    }

    /// The denoiser `D(x, σ) = x + σ² s(x, σ)` of N images, N × C × H × W: the network's estimate of
    /// the clean images. Each image has its own σ and class, or all have the same.
    pub fn denoise(&self, x: Tensor<4>, sigmas: &[f32], classes: &[ClassInput]) -> Tensor<4> {
        let device = x.device();
        let score = self.conditional_score(x.clone(), sigmas, classes);
        x + score * column(sigmas.iter().map(|sigma| sigma * sigma), &device)
    }
}
