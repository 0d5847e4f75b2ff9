//! A training batch: images, noise levels and noise. It is a pure function of the seed and the
//! step, so resuming a run needs no generator's state.

use std::ops::Range;

use burn::tensor::{Device, Tensor};

use super::augment::Augmentation;
use super::options::Options;
use crate::data::Images;
use crate::net::{ClassInput, burn_layers};
use crate::noise::perturb;
use crate::random::Key;
use crate::recipe;

/// One batch on a device.
pub(super) struct Batch {
    /// x̃ = x + σ z: N × C × H × W.
    pub noisy: Tensor<4>,
    /// z: N × C × H × W.
    pub noise: Tensor<4>,
    /// The σ of each image.
    pub sigmas: Vec<f32>,
    /// The input of the network that stands for the class of each image.
    pub classes: Vec<ClassInput>,
}

/// The σ of each image of a part of a step's batch, and the class that the network is conditioned on;
/// `indices` are those of the whole batch.
pub(super) fn levels_of_step(
    options: &Options,
    images: &Images,
    indices: &[usize],
    step: u64,
    part: Range<usize>,
) -> (Vec<f32>, Vec<Option<usize>>) {
    let recipe = options.recipe();
    let key = recipe::key(options.seed, step);
    let sigma = |i: usize| match options.architecture.schedule() {
        // All levels equally often, as published.
        Some(schedule) => schedule.sigma((key.uniform(i as u32) * schedule.levels as f32) as usize),
        None => recipe.sigma(step, i),
    };
    let class = |i: usize| images.label(indices[i]).filter(|_| recipe.keeps_label(step, i));
    let classes = match options.architecture.classes() {
        0 => vec![None; part.len()],
        _ => part.clone().map(class).collect(),
    };
    (part.map(sigma).collect(), classes)
}

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
        let (sigmas, classes) = levels_of_step(options, images, indices, step, part.clone());
        let recipe = options.recipe();
        let input = |(class, i)| match options.architecture.guidance_max() {
            0.0 => ClassInput::from(class),
            most => ClassInput { class, guidance: recipe.guidance(step, i, most) },
        };
        let classes = classes.into_iter().zip(part.clone()).map(input).collect();
        let key = Key { seed: options.seed, stream: part.start as u32, step: step as u32 };
        let batch = Self::new(images, &indices[part], options.augmentation, sigmas, key, device);
        Self { classes, ..batch }
    }

    /// The given images, changed, each with noise of its level. `key` provides the changes and
    /// noise of the first image, and the streams after it those of the others. No class is dropped.
    pub fn new(
        images: &Images,
        indices: &[usize],
        change: Augmentation,
        sigmas: Vec<f32>,
        key: Key,
        device: &Device,
    ) -> Self {
        let [noisy, noise] = noisy(images, indices, change, &sigmas, key);
        let tensor = |values| burn_layers::images(values, images.shape, device);
        let classes = indices.iter().map(|&index| images.label(index).into()).collect();
        Self { noisy: tensor(noisy), noise: tensor(noise), sigmas, classes }
    }
}

/// x̃ and z of the given images, one after another: see [`Batch::new`].
pub(super) fn noisy(
    images: &Images,
    indices: &[usize],
    change: Augmentation,
    sigmas: &[f32],
    key: Key,
) -> [Vec<f32>; 2] {
    let dimension = images.shape.dimension();
    let mut noise = vec![0.0; indices.len() * dimension];
    let mut noisy = Vec::with_capacity(noise.len());
    let rows = noise.chunks_exact_mut(dimension).zip(indices).zip(sigmas);
    for (stream, ((z, &index), &sigma)) in (key.stream..).zip(rows) {
        let key = Key { stream, ..key };
        key.fill_normal(z);
        let pixels = change.pixels(images, index, key);
        let first = noisy.len();
        noisy.extend(pixels);
        perturb(&mut noisy[first..], sigma, z);
    }
    [noisy, noise]
}
