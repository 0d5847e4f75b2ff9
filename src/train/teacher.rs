//! Distillation: one network learns what two do together.

use burn::module::Module;
use burn::tensor::Tensor;

use super::Precision;
use crate::net::Network;
use crate::net::layers::column;
use crate::sample::GuidanceScale;
use crate::sample::guidance::Autoguide;

/// A model guided away from a worse one. A run learns its score instead of that of the images, so
/// that afterwards a single network has it (Meng et al., *On Distillation of Guided Diffusion
/// Models*, 2023, section 3.1).
pub(super) struct Teacher {
    /// The better model.
    pub network: Network,
    /// The worse model.
    pub worse: Network,
    /// The strength of the guidance, and the noise levels it acts at.
    pub guidance_scale: GuidanceScale,
}

impl Teacher {
    /// The noise that it sees in noisy images, `−σ s(x̃, σ)`. Denoising score matching asks for
    /// this instead of the added noise, and so without the latter's variance.
    pub fn noise(&self, noisy: &Tensor<4>, sigmas: &[f32], precision: Precision) -> Tensor<4> {
        let x = noisy.clone().inner();
        let device = x.device();
        let here = |network: &Network| precision.cast(network.clone().to_device(&device));
        let guide = Autoguide { worse: here(&self.worse), guidance_scale: self.guidance_scale };
        let score = here(&self.network).score(x.clone(), sigmas);
        let guided = score.clone() + guide.pull(&x, sigmas, &score);
        guided * column(sigmas.iter().map(|sigma| -sigma), &device)
    }
}
