//! What the critic and the generator of distribution matching minimize;
//! [`super::DistributionMatching`] has the equations.

use std::ops::Range;

use burn::tensor::{Device, Tensor};

use super::batch::Batch;
use super::options::Options;
use super::teacher::Teacher;
use super::weighted_sum::weighted_sum;
use crate::loss::dsm;
use crate::net::Network;
use crate::net::burn_layers::{self, column};
use crate::random::Key;
use crate::random::streams::{GENERATED_LEVELS_STREAM, GENERATED_STREAM};
use crate::recipe::Recipe;

/// The noise with which generated images are compared: z and σ of each.
pub(super) struct Noise {
    z: Tensor<4>,
    sigmas: Vec<f32>,
}

impl Noise {
    /// `ln σ ~ N(ln 0.5, 1.3²)`, whatever levels the generator starts from: where σ is smaller the noise
    /// hides little, and where it is larger images look alike.
    const SIGMA_MEDIAN: f32 = 0.5;
    const P_STD: f32 = 1.3;

    /// The noise for the images generated from part of a step's batch.
    pub fn of_step(options: &Options, step: u64, part: Range<usize>, device: &Device) -> Self {
        let shape = options.architecture.image_shape();
        let key = |stream| Key { seed: options.seed, stream, step: step as u32 };
        let (sigma_median, p_std) = (Self::SIGMA_MEDIAN, Self::P_STD);
        let recipe = Recipe { sigma_median, p_std, ..options.recipe() };
        let level = |i: usize| recipe.sigma_of(key(GENERATED_LEVELS_STREAM).normal(i as u32));
        let mut z = vec![0.0; part.len() * shape.dimension()];
        for (i, z) in part.clone().zip(z.chunks_exact_mut(shape.dimension())) {
            key(GENERATED_STREAM + i as u32).fill_normal(z);
        }
        Self { z: burn_layers::images(z, shape, device), sigmas: part.map(level).collect() }
    }

    fn added_to(&self, images: Tensor<4>) -> Tensor<4> {
        let device = images.device();
        images + self.z.clone() * column(self.sigmas.iter().copied(), &device)
    }
}

/// What the critic's step minimizes for the images that the generator makes of a part of a batch:
/// denoising score matching, weighted as [`weighted_sum`] does.
pub(super) fn critic_loss(
    critic: &Network,
    generator: &Network,
    batch: Batch,
    noise: &Noise,
    options: &Options,
) -> Tensor<1> {
    let Batch { noisy, sigmas, classes, .. } = batch;
    let images = generator.denoise(noisy.inner(), &sigmas, &classes);
    let noisy = Tensor::from_inner(noise.added_to(images));
    let score = critic.conditional_score(noisy, &noise.sigmas, &classes);
    let losses = dsm(score, &noise.sigmas, Tensor::from_inner(noise.z.clone()));
    weighted_sum(losses, &noise.sigmas, options)
}

/// What the generator's step minimizes: its gradient with respect to an image is g of
/// [`super::DistributionMatching`] over the number of images in the whole batch. No number goes with
/// that gradient, so this has the value of [`critic_loss`], for runs to report.
pub(super) fn generator_loss(
    generator: &Network,
    critic: &Network,
    teacher: &Teacher,
    batch: Batch,
    noise: &Noise,
    options: &Options,
) -> Tensor<1> {
    let Batch { noisy, sigmas, classes, .. } = batch;
    let images = generator.denoise(noisy, &sigmas, &classes);
    let noisy = noise.added_to(images.clone().inner());
    let score = critic.conditional_score(noisy.clone(), &noise.sigmas, &classes);
    let by_model = teacher.noise_in(noisy, &noise.sigmas, &classes, options.precision);
    let g = direction(score.clone(), by_model, noise);
    let along = (images * Tensor::from_inner(g)).sum() / options.batch as f32;
    let losses = dsm(score, &noise.sigmas, noise.z.clone());
    let reported = weighted_sum(losses, &noise.sigmas, options);
    along.clone() + Tensor::from_inner(reported - along.inner())
}

/// g of [`super::DistributionMatching`], from the critic's score of noisy images and the noise that
/// the model predicts in them: N × C × H × W.
fn direction(score: Tensor<4>, by_model: Tensor<4>, noise: &Noise) -> Tensor<4> {
    let Noise { z, sigmas } = noise;
    let by_critic = score * column(sigmas.iter().map(|sigma| -sigma), &z.device());
    let [n, ..] = by_model.dims();
    let error: Tensor<2> = (by_model.clone() - z.clone()).abs().flatten(1, 3);
    // A model that predicts exactly the noise that was added leaves nothing to divide by.
    let size = error.mean_dim(1).clamp_min(1e-6).reshape([n, 1, 1, 1]);
    (by_model - by_critic) / size
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Images;
    use crate::net::{Architecture, ClassInput, ImageShape, weights};
    use crate::train::Precision;
    use crate::train::teacher::Guidance;
    use crate::train::test_network::tiny;

    fn options(images: &Images) -> Options {
        let architecture = Architecture::UNet(tiny(images.shape));
        let usual = Options::for_images(images).expect("images that differ");
        Options { architecture, stable_targets: None, ..usual }
    }

    fn images() -> Images {
        let shape = ImageShape { channels: 1, height: 4, width: 4 };
        Images::new(shape, (0..3 * 16).map(|i| (i * 37 % 256) as u8).collect())
    }

    /// The formula, from scores: DMD's gradient of denoised images, over the mean error of the model's.
    #[test]
    fn images_move_from_the_critics_denoised_images_towards_the_models() {
        let (images, device) = (images(), Device::flex());
        let options = options(&images);
        let network = |seed| {
            let weights = weights::initial(&tiny(images.shape), seed);
            // Drawn weights have the same output: output layers start at 0.
            let shifted = weights.into_iter().map(|(name, mut tensor)| {
                let shift = |v: &mut f32| *v += 0.01 * seed as f32;
                tensor.values.iter_mut().for_each(shift);
                (name, tensor)
            });
            let weights = shifted.collect();
            Network::with_weights(&options.architecture, weights, &device).expect("possible")
        };
        let (model, critic) = (network(1), network(2));
        let noise = Noise::of_step(&options, 7, 0..3, &device);
        let values: Vec<f32> = images.bytes.iter().map(|&byte| f32::from(byte) / 255.0).collect();
        let x = burn_layers::images(values, images.shape, &device);
        let classes = [ClassInput::from(None); 3];
        let teacher = Teacher { network: model.clone(), guidance: Guidance::None };
        let noisy = noise.added_to(x.clone());
        let moves = |critic: &Network| {
            let score = critic.conditional_score(noisy.clone(), &noise.sigmas, &classes);
            let by_model = teacher.noise_in(noisy.clone(), &noise.sigmas, &classes, Precision::F32);
            direction(score, by_model, &noise)
        };
        let read = |tensor: Tensor<4>| tensor.into_data().iter::<f32>().collect::<Vec<f32>>();
        assert!(read(moves(&model)).iter().all(|g| g.abs() < 1e-6), "the densities are the same");

        let denoised =
            |network: &Network| read(network.denoise(noisy.clone(), &noise.sigmas, &classes));
        let (by_critic, by_model) = (denoised(&critic), denoised(&model));
        let x = read(x.clone());
        for (at, found) in read(moves(&critic)).into_iter().enumerate() {
            let image = at / 16 * 16..at / 16 * 16 + 16;
            let error = |i: usize| (x[i] - by_model[i]).abs();
            let mean = image.map(error).sum::<f32>() / 16.0;
            let expected = (by_critic[at] - by_model[at]) / mean;
            assert!(
                (found - expected).abs() < 2e-3 * expected.abs().max(1.0),
                "{found} {expected}"
            );
        }
    }
}
