//! Distillation: one network learns what two do together.

use burn::module::Module;
use burn::tensor::Tensor;

use super::Precision;
use super::batch::Batch;
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
    pub fn noise(&self, batch: &Batch, precision: Precision) -> Tensor<4> {
        let Batch { noisy, sigmas, classes, .. } = batch;
        let x = noisy.clone().inner();
        let device = x.device();
        let here = |network: &Network| precision.cast(network.clone().to_device(&device));
        let guide = Autoguide { worse: here(&self.worse), guidance_scale: self.guidance_scale };
        let score = here(&self.network).class_score(x.clone(), sigmas, classes);
        let guided = score.clone() + guide.difference(&x, sigmas, classes, &score);
        guided * column(sigmas.iter().map(|sigma| -sigma), &device)
    }
}
