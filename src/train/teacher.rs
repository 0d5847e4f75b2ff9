//! Distillation: a run learns what two networks together would do.

use burn::module::Module;
use burn::tensor::Tensor;

use super::Precision;
use crate::net::Network;
use crate::net::layers::column;
use crate::sample::Strength;
use crate::sample::guide::Autoguide;

/// A model guided away from a worse one, whose score is learned instead of that of the pictures, so
/// that afterwards one network has it (Meng et al., *On Distillation of Guided Diffusion Models*,
/// 2023, section 3.1).
pub(super) struct Teacher {
    /// The better model.
    pub network: Network,
    /// The worse one.
    pub worse: Network,
    /// How strongly, and where.
    pub strength: Strength,
}

impl Teacher {
    /// The noise that it sees in noisy pictures, `−σ s(x̃, σ)`: what denoising score matching then asks
    /// for instead of the noise that was added, without that one's variance.
    pub fn noise(&self, noisy: &Tensor<4>, sigmas: &[f32], precision: Precision) -> Tensor<4> {
        let x = noisy.clone().inner();
        let device = x.device();
        let here = |network: &Network| precision.cast(network.clone().to_device(&device));
        let guide = Autoguide { worse: here(&self.worse), strength: self.strength };
        let score = here(&self.network).score(x.clone(), sigmas);
        let guided = score.clone() + guide.pull(&x, sigmas, &score);
        guided * column(sigmas.iter().map(|sigma| -sigma), &device)
    }
}
