//! Networks: each is described once, as plain data, from which every executor builds its own.
//!
//! [`description`] says what a network is (kind, sizes, and the name and shape of each of its
//! tensors) and [`precondition`] how σ enters and leaves it; neither knows Burn. [`unet`] is the
//! Burn module, made of the layers of [`layers`]; [`weights`] moves tensors in and out of it.

pub mod description;
pub mod layers;
pub mod precondition;
pub mod unet;
pub mod weights;

use burn::module::Module;
use burn::tensor::{Device, Tensor};

pub use description::{Architecture, DescriptionError, Picture, UNetDescription};
pub use precondition::Preconditioning;
pub use unet::UNet;

/// A noise-conditional score network on a Burn device: any of the architectures.
#[derive(Module, Debug)]
pub enum Network {
    /// See [`UNet`].
    UNet(UNet),
}

impl Network {
    /// A network with freshly drawn weights (call [`Device::seed`] first to have them again).
    ///
    /// # Errors
    /// [`DescriptionError`] where the sizes do not fit together.
    pub fn new(architecture: &Architecture, device: &Device) -> Result<Self, DescriptionError> {
        architecture.check()?;
        Ok(match architecture {
            Architecture::UNet(description) => Self::UNet(UNet::new(description, device)),
        })
    }

    /// The score `s(x, σ)`, N × C × H × W like `x`.
    ///
    /// `sigmas` holds one σ > 0 for each of the N pictures, or a single one for all.
    pub fn score(&self, x: Tensor<4>, sigmas: &[f32]) -> Tensor<4> {
        match self {
            Self::UNet(unet) => unet.score(x, sigmas),
        }
    }

    /// The denoiser `D(x, σ) = x + σ² s(x, σ)`, N × C × H × W: the picture that the network
    /// believes in.
    pub fn denoise(&self, x: Tensor<4>, sigma: f32) -> Tensor<4> {
        x.clone() + self.score(x, &[sigma]).mul_scalar(sigma * sigma)
    }
}
