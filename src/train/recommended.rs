//! Options that suit a set of images.

use super::options_error::OptionsError;
use super::{Augmentation, Fingerprint, Options, Precision, stable_sigma};
use crate::data::Images;
use crate::data::distances::Distances;
use crate::net::{Architecture, UNetDescription};
use crate::recipe::Recipe;
use crate::sample::Settings;
use crate::sample::settings::rounding::three_digits_up;

/// The most values in all images together for which stable targets cost next to nothing: 64 MiB of
/// f32. With nearly three times as many, MNIST's, the two matrix products make a step on a CPU 1.4
/// times as long (docs/training.md).
pub const STABLE_TARGETS_VALUES: usize = 1 << 24;

/// The usual number of steps for so many images: some hours on a CPU, minutes on a GPU. With few
/// images, a network soon learns each by heart instead of what they have in common.
pub fn usual_steps(images: usize, batch: usize) -> u64 {
    const EPOCHS: usize = 400;
    (EPOCHS * images / batch.max(1)).clamp(4000, 30_000) as u64
}

/// The distances between images that noise levels can be chosen for.
///
/// # Errors
/// If there is only one image, or all are the same.
pub fn measure_distances(images: &Images) -> Result<Distances, OptionsError> {
    let fail = |message: &str| Err(OptionsError::Images(message.into()));
    if images.len() < 2 {
        return fail("there is only one image to train on, so there are no distances to measure");
    }
    let distances = Distances::measure(images);
    if distances.largest > 0.0 { Ok(distances) } else { fail("all images are the same") }
}

impl Options {
    /// The options of a new run with the default U-Net on these images: those of `train` without
    /// flags. The largest noise level is the largest distance between two images (NCSNv2,
    /// technique 1).
    ///
    /// # Errors
    /// As [`measure_distances`].
    pub fn for_images(images: &Images) -> Result<Self, OptionsError> {
        let few = Augmentation::default().every_len(images) <= STABLE_TARGETS_VALUES;
        let classes = images.classes();
        let unet = UNetDescription::new(images.shape, images.statistics());
        let unet = UNetDescription { classes, ..unet };
        let sigma_max = three_digits_up(measure_distances(images)?.largest);
        let steps = usual_steps(images.len(), Recipe::BATCH);
        let usual = Recipe::usual(steps, [Recipe::SIGMA_MIN, sigma_max]);
        Ok(Self {
            architecture: Architecture::UNet(unet),
            images: Some(Fingerprint::of(images)),
            license: None,
            from: None,
            sampler: None,
            best: None,
            seed: usual.seed,
            steps,
            batch: usual.batch,
            grad_accum_steps: usual.grad_accum_steps,
            precision: Precision::default(),
            learning_rate: usual.learning_rate,
            warmup_steps: usual.warmup_steps,
            max_grad_norm: usual.max_grad_norm,
            ema_decay: usual.ema_decay,
            weighting: usual.weighting,
            sigma_max,
            sigma_min: Recipe::SIGMA_MIN,
            sigma_median: usual.sigma_median,
            p_std: usual.p_std,
            levels: Settings::LEVELS,
            augmentation: Augmentation::default(),
            label_dropout: if classes > 0 { Recipe::LABEL_DROPOUT } else { usual.label_dropout },
            stable_targets: few.then(|| stable_sigma(images)).flatten(),
            autoguidance: None,
            consistency: None,
            distribution_matching: None,
        })
    }
}
