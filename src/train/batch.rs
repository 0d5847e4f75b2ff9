//! A training batch: images, noise levels and noise. It is a pure function of the seed and the
//! step, so resuming a run needs no generator's state.

use std::ops::Range;

use burn::tensor::{Device, Tensor, TensorData};

use super::{Augmentation, Options};
use crate::data::Images;
use crate::noise::perturb;
use crate::random::Key;

/// One batch on a device.
pub(super) struct Batch {
    /// x̃ = x + σ z: N × C × H × W.
    pub noisy: Tensor<4>,
    /// z: N × C × H × W.
    pub noise: Tensor<4>,
    /// The σ of each image.
    pub sigmas: Vec<f32>,
}

/// The streams of a training step are its examples; noise levels are drawn from this extra one.
const SIGMA_STREAM: u32 = u32::MAX - 1;

impl Batch {
    /// The `part` of the batch of a training step; `indices` are those of the whole batch.
    pub fn of_step(
        options: &Options,
        images: &Images,
        indices: &[usize],
        step: u64,
        part: Range<usize>,
        device: &Device,
    ) -> Self {
        let key = Key { seed: options.seed, stream: SIGMA_STREAM, step: step as u32 };
        let sigma = |i: usize| match options.architecture.schedule() {
            // All levels equally often, as published.
            Some(schedule) => {
                schedule.sigma((key.uniform(i as u32) * schedule.levels as f32) as usize)
            }
            None => {
                let ln = options.p_mean.ln() + options.p_std * key.normal(i as u32);
                ln.exp().clamp(options.sigma_min, options.sigma_max)
            }
        };
        let sigmas = part.clone().map(sigma).collect();
        let key = Key { seed: options.seed, stream: part.start as u32, step: step as u32 };
        Self::new(images, &indices[part], options.augmentation, sigmas, key, device)
    }

    /// The given images, changed, each with noise of its level. `key` provides the changes and
    /// noise of the first image, and the streams after it those of the others.
    pub fn new(
        images: &Images,
        indices: &[usize],
        change: Augmentation,
        sigmas: Vec<f32>,
        key: Key,
        device: &Device,
    ) -> Self {
        let dimension = images.shape.dimension();
        let mut noise = vec![0.0; indices.len() * dimension];
        let mut noisy = Vec::with_capacity(noise.len());
        let rows = noise.chunks_exact_mut(dimension).zip(indices).zip(&sigmas);
        for (stream, ((z, &index), &sigma)) in (key.stream..).zip(rows) {
            let key = Key { stream, ..key };
            key.fill_normal(z);
            let pixels = change.pixels(images, index, key);
            let first = noisy.len();
            noisy.extend(pixels);
            perturb(&mut noisy[first..], sigma, z);
        }
        let shape = images.shape;
        let shape = [indices.len(), shape.channels, shape.height, shape.width];
        let tensor = |values| Tensor::from_data(TensorData::new(values, shape), device);
        Self { noisy: tensor(noisy), noise: tensor(noise), sigmas }
    }
}
